import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { encodePacket } from '../../shared/bus/packet.js';
import { encode } from '../../shared/codec.js';
import type { RunConfig } from '../../shared/config.js';
import { type Logger, silentLogger } from '../../shared/logger.js';
import { PROTOCOL, type ToCoordinator, type ToWorker } from '../../shared/messages.js';
import type { NatsLink } from '../../shared/nats/link.js';
import { runSubjects } from '../../shared/subjects.js';
import { testBus } from '../contracts/bus.js';
import { seededRandom } from '../e2e/harness.js';
import { Lines } from '../fixtures/lines.js';
import { announcementOf, resultOf } from '../fixtures/messages.js';
import { connectTo, startServer, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { TcpProxy } from '../fixtures/tcp-proxy.js';
import { until } from '../fixtures/until.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());
let runs = 0;

/** The two ends of the bus of a new run, each over a link of its own. */
async function ends(test: TestContext, at: TestServer, logger: Logger = silentLogger, config?: RunConfig) {
  runs += 1;
  const run = `run-${runs}`;
  const subjects = runSubjects(run);
  const open = async (known: { config?: RunConfig } = {}) => {
    const link = await connectTo(test, at, { logger });
    return { link, bus: new NatsBus({ link, subjects, logger, drainMs: 0, ...known }) };
  };
  /** The workers follow a coordinator, as if they had heard it announce the run. */
  const meet = (led: NatsBus, term = 1) => workers.follow(led.signed(announcementOf(run, { term })));
  const [{ link: coordinatorLink, bus: coordinator }, { link: workersLink, bus: workers }] = [
    await open(config ? { config } : {}),
    await open(),
  ];
  const settle = async () => {
    // what one side has flushed lies before the answer to the other side's next flush
    for (const side of [coordinator, workers, coordinator, workers]) await side.flush();
  };
  meet(coordinator);
  const address = (worker: string) => workers.addressOf(worker);
  return { run, subjects, coordinator, coordinatorLink, workers, workersLink, address, settle, open, meet };
}

testBus({ name: 'NATS', skip: WITHOUT_NATS, create: (test, config) => ends(test, server!, silentLogger, config) });

function received(bus: NatsBus): ToCoordinator[] {
  const messages: ToCoordinator[] = [];
  bus.onCoordinator((message) => messages.push(message));
  return messages;
}

/** Resolves when both connections of a link are back. */
function reconnected({ control, bulk }: NatsLink): Promise<unknown> {
  return Promise.all(
    [control, bulk].map(
      (lane) =>
        new Promise<void>((resolve) => {
          lane.onReconnect(resolve);
        }),
    ),
  );
}

function lost({ control, bulk }: NatsLink): boolean {
  return !control.connected && !bulk.connected;
}

describe('NatsBus', { skip: WITHOUT_NATS }, () => {
  it('loses what is sent while the server is away, all but results, and tells both sides when it is back', async (test) => {
    const own = await startServer(test);
    const { coordinator, coordinatorLink, workers, workersLink, settle } = await ends(test, own);
    const got = received(coordinator);
    const mail: ToWorker[] = [];
    workers.onWorker('a', (message) => mail.push(message));
    const told = { coordinator: 0, workers: 0 };
    coordinator.onReconnect(() => {
      told.coordinator += 1;
    });
    workers.onReconnect(() => {
      told.workers += 1;
    });
    await settle();
    const back = [reconnected(coordinatorLink), reconnected(workersLink)];
    await own.kill();
    await until(() => lost(coordinatorLink) && lost(workersLink));
    const results = [1, 2, 3].map((round) => resultOf('a', round, 0));
    for (const result of results) workers.toCoordinator(result);
    workers.toCoordinator({ type: 'heartbeat', worker: 'a', incarnation: 1, ranges: [], copies: [] });
    coordinator.toWorker(workers.addressOf('a'), { type: 'order', term: 1, round: 1, ranges: [], copies: [] });
    coordinator.toAllWorkers({ type: 'finished' });
    await own.start();
    await Promise.all(back);
    await settle();
    assert.deepEqual(got, results);
    assert.deepEqual(mail, []);
    assert.deepEqual(told, { coordinator: 2, workers: 2 }, 'once for each of the two connections');
    workers.toCoordinator({ type: 'heartbeat', worker: 'a', incarnation: 2, ranges: [], copies: [] });
    coordinator.toAllWorkers({ type: 'finished' });
    await settle();
    assert.deepEqual(got.at(-1), { type: 'heartbeat', worker: 'a', incarnation: 2, ranges: [], copies: [] });
    assert.deepEqual(mail, [{ type: 'finished' }]);
  });

  it('brings a large result once, with its bits, though the server is killed while it is under way', async (test) => {
    const own = await startServer(test);
    const { coordinator, coordinatorLink, workers, workersLink } = await ends(test, own);
    const got = received(coordinator);
    await coordinator.flush();
    // 8 MB: some 16 parts
    const sent = [resultOf('a', 1, 0, 2_000_000), resultOf('a', 2, 0, 10)];
    for (const result of sent) workers.toCoordinator(result);
    for (const megabytes of [1, 3]) {
      await until(() => coordinatorLink.traffic().receivedBytes > megabytes * 1e6);
      const back = [reconnected(coordinatorLink), reconnected(workersLink)];
      await own.kill();
      await until(() => lost(coordinatorLink) && lost(workersLink));
      await own.start();
      await Promise.all(back);
    }
    await workers.flush();
    await coordinator.flush();
    assert.deepEqual(got, sent);
  });

  it('keeps a result until a coordinator is there, and begins it again with another one', async (test) => {
    const { coordinator, coordinatorLink, workers, open, meet } = await ends(test, server!);
    const sent = resultOf('a', 1, 0, 1_000_000);
    workers.toCoordinator(sent);
    const first = received(coordinator);
    await until(() => coordinatorLink.traffic().receivedBytes > 1e6);
    // the first coordinator dies with a part of it
    await coordinatorLink.close();
    const { bus } = await open();
    const second = received(bus);
    meet(bus, 2);
    await workers.flush();
    assert.deepEqual([first, second], [[], [sent]]);
  });

  it('sends a result again at once to a coordinator that was cut off while it was under way', async (test) => {
    const { run, subjects, workers } = await ends(test, server!);
    const proxy = await TcpProxy.start(test, server!.port);
    const coordinatorLink = await connectTo(test, server!, { url: proxy.url });
    const coordinator = new NatsBus({ link: coordinatorLink, subjects, logger: silentLogger, drainMs: 0 });
    const got = received(coordinator);
    coordinator.onReconnect(() => coordinator.toAllWorkers({ type: 'finished' }));
    await coordinator.flush();
    const link = await connectTo(test, server!);
    // no answer is waited for in vain, for longer than any test may take
    const worker = new NatsBus({ link, subjects, logger: silentLogger, drainMs: 0, answerMs: 10 ** 6 });
    worker.follow(coordinator.signed(announcementOf(run)));
    const heard = new Promise<void>((resolve) => {
      worker.onWorker('a', () => resolve());
    });
    await worker.flush();
    coordinator.toAllWorkers({ type: 'finished' });
    await heard;
    proxy.hold();
    const sent = resultOf('a', 1, 0);
    worker.toCoordinator(sent);
    // the server has it, and passes it on to a connection that is lost
    await new Promise((resolve) => setImmediate(resolve));
    await link.bulk.flush();
    proxy.cut();
    await until(() => lost(coordinatorLink));
    proxy.mend();
    await worker.flush();
    await until(() => got.length > 0);
    assert.deepEqual(got, [sent]);
    await workers.close();
  });

  it('delivers a packet that comes again no second time, whoever sends it', async (test) => {
    const { coordinator, coordinatorLink, workers, workersLink, subjects, settle } = await ends(test, server!);
    const got = received(coordinator);
    const packets: Uint8Array[] = [];
    coordinatorLink.bulk.subscribe(subjects.bulk, ({ bytes }) => packets.push(bytes.slice()));
    await settle();
    const sent = [resultOf('a', 1, 0), resultOf('a', 1, 1, 400_000), resultOf('a', 2, 0)];
    for (const result of sent) {
      workers.toCoordinator(result);
      await settle();
    }
    const own = packets.length;
    assert.ok(own >= 3 + 3, `${own} packets`);
    for (const bytes of [...packets, ...packets.toReversed()]) workersLink.bulk.publish(subjects.bulk, bytes);
    await settle();
    assert.deepEqual(got, sent);
  });

  it('drops what is no message, counts it, and says so now and then', async (test) => {
    const lines = new Lines();
    const { coordinator, workers, workersLink, subjects, settle } = await ends(test, server!, lines);
    const got = received(coordinator);
    const mail: ToWorker[] = [];
    workers.onWorker('a', (message) => mail.push(message));
    await settle();
    const random = seededRandom(3);
    const noise = (length: number) => Uint8Array.from({ length }, () => Math.floor(256 * random()));
    const packet = (value: unknown, payload: Uint8Array = encode(value)) => {
      const session = Buffer.from(noise(8)).toString('hex');
      return encodePacket({ kind: 'part', session, message: 1, index: 0, count: 1, size: payload.length, payload });
    };
    const good = packet({ type: 'heartbeat', worker: 'a', incarnation: 1, ranges: [], copies: [] });
    const targets = [
      subjects.mail,
      subjects.bulk,
      subjects.all,
      subjects.announcement,
      subjects.worker(workers.addressOf('a')),
    ];
    let bad = 0;
    const { metaGradient: gradient } = resultOf('a', 1, 0).node;
    const strange: unknown[] = [
      null,
      {},
      [],
      new Set(['finished']),
      { type: 'phi', term: 1, round: 1, phi: Float32Array.of(1, Number.NaN) },
      {
        ...resultOf('a', 1, 0),
        node: { ...resultOf('a', 1, 0).node, metaGradient: gradient.fill(Number.POSITIVE_INFINITY) },
      },
      { type: 'hello', worker: 'a b', incarnation: 1 },
      { type: '__proto__' },
    ];
    for (let i = 0; i < 400; i++) {
      for (const subject of targets) {
        const damaged = Buffer.from(good);
        damaged[Math.floor(random() * good.length)]! ^= 1 << Math.floor(8 * random());
        const bytes = [noise(Math.floor(200 * random())), damaged, packet(strange[i % strange.length])][i % 3]!;
        workersLink.control.publish(subject, bytes);
        bad += 1;
      }
    }
    // large, and empty
    for (const subject of targets) for (const size of [0, 1_000_000]) workersLink.control.publish(subject, noise(size));
    bad += 2 * targets.length;
    await settle();
    assert.deepEqual([got, mail], [[], []]);
    assert.equal(coordinator.dropped + workers.dropped, bad);
    assert.ok(lines.lines.length > 0 && lines.lines.length < 10, lines.lines.join('\n'));
    workers.toCoordinator(resultOf('a', 9, 0));
    coordinator.toWorker(workers.addressOf('a'), { type: 'finished' });
    await settle();
    assert.deepEqual([got, mail], [[resultOf('a', 9, 0)], [{ type: 'finished' }]]);
  });

  it('drops what speaks another protocol, with a sentence that names both', async (test) => {
    const lines = new Lines();
    const { coordinator, workers, workersLink, subjects, settle } = await ends(test, server!, lines);
    const got = received(coordinator);
    workers.onWorker('a', () => assert.fail('nothing of this protocol was sent'));
    await settle();
    const place = { session: '0123456789abcdef', message: 1, index: 0, count: 1 } as const;
    const payload = encode({ type: 'hello', worker: 'a' });
    const packet = encodePacket({ protocol: 9, kind: 'part', ...place, size: payload.length, payload });
    workersLink.control.publish(subjects.mail, packet);
    workersLink.control.publish(subjects.announcement, packet);
    await settle();
    assert.deepEqual(got, []);
    const said = `is dropped: it speaks protocol 9, and this process protocol ${PROTOCOL}`;
    assert.equal(lines.lines.filter((line) => line.endsWith(said)).length, 2, lines.lines.join('\n'));
  });

  it('refuses names that cannot be a part of a subject', async (test) => {
    const { coordinator, workers } = await ends(test, server!);
    for (const name of ['', 'a*', '>', 'a b', 'x'.repeat(65)]) {
      assert.throws(
        () => coordinator.toWorker(name, { type: 'finished' }),
        /^UsageError: Cannot reach the worker: "worker" must/,
      );
      assert.throws(() => workers.onWorker(name, () => {}), /UsageError/);
    }
  });
});
