/** Trainings over a real nats-server with somebody who has a worker's credentials, and lies. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { CoordinatorOptions } from '../../coordinator/coordinator.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { encodePacket } from '../../shared/bus/packet.js';
import { WorkerSealer } from '../../shared/bus/seals.js';
import { newKeyPair } from '../../shared/keys.js';
import { silentLogger } from '../../shared/logger.js';
import type { AnnounceMessage, ToWorker } from '../../shared/messages.js';
import { phiLength } from '../../shared/phi.js';
import { runSubjects } from '../../shared/subjects.js';
import { withFolder } from '../fixtures/folder.js';
import { Lines } from '../fixtures/lines.js';
import { announcementOf } from '../fixtures/messages.js';
import { connectTo, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { until } from '../fixtures/until.js';
import { SMALL_ROUNDS, smallRun, trainSmall } from './harness.js';
import { coordinate, startWorker } from './nats-cluster.js';
import { honestFingerprint, Traitor } from './traitor.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());
let runs = 0;

/** What a run became. */
interface Outcome {
  sha256: string;
  /** Round of the best φ, and its score. */
  best: { round: number; score: number | null } | undefined;
  banned: string[];
  lines: string[];
}

/**
 * Trains the small run with honest workers, and with a traitor of some name who hears what workers of this name hear.
 * @param hear what the traitor does then
 */
async function train(
  test: TestContext,
  honest: readonly string[],
  name: string,
  hear: (message: ToWorker, traitor: Traitor) => void,
  options: Partial<CoordinatorOptions> & { isFirst?: boolean } = {},
): Promise<Outcome> {
  runs += 1;
  const { isFirst = false, ...given } = options;
  const lines = new Lines();
  const banned: string[] = [];
  let best: Outcome['best'];
  const link = await connectTo(test, server!);
  let joined: (traitor: Traitor) => void = () => {};
  const there = new Promise<Traitor>((resolve) => {
    joined = resolve;
  });
  void Traitor.start(link, name, hear).then(joined);
  const startHonest = async () => {
    for (const id of honest) await startWorker(test, server!, id);
  };
  await link.control.flush();
  if (!isFirst) await startHonest();
  const ended = coordinate(test, server!, `traitor-${runs}`, {
    logger: lines,
    ...given,
    observer: {
      banned: (worker) => void banned.push(worker),
      evaluated(round, { sum }) {
        if (best === undefined || sum.mean! < best.score!) best = { round, score: sum.mean };
      },
    },
  });
  ended.catch(() => {});
  const traitor = await there;
  if (isFirst) await startHonest();
  try {
    return { sha256: await ended, best, banned, lines: lines.lines };
  } finally {
    await traitor.close();
  }
}

describe('a traitor with the credentials of a worker', { skip: WITHOUT_NATS }, () => {
  let expected: Pick<Outcome, 'sha256' | 'best'>;

  before(async () => {
    const score = { best: undefined as Outcome['best'] };
    const sha256 = await withFolder((folder) =>
      trainSmall(folder, {
        observer: {
          evaluated(round, { sum }) {
            if (score.best === undefined || sum.mean! < score.best.score!) score.best = { round, score: sum.mean };
          },
        },
      }),
    );
    expected = { sha256, best: score.best };
  });

  function check({ sha256, best }: Outcome): void {
    assert.deepEqual({ sha256, best }, expected);
  }

  it('sends the root of every round in the name of a worker, without a hello: nothing of it counts', async (test) => {
    const height = Math.ceil(Math.log2(13));
    let sent = 0;
    const outcome = await train(test, ['w1', 'w2'], 'w1', (message, traitor) => {
      if (message.type !== 'phi') return;
      traitor.send(traitor.result(message.round + 1, { level: height, index: 0 }, 13, 1e30));
      sent += 1;
    });
    check(outcome);
    assert.ok(sent > SMALL_ROUNDS / 2, `${sent} roots were sent`);
    assert.deepEqual(outcome.banned, []);
  });

  it('scores every φ in the name of nobody: the best φ is another by no bit', async (test) => {
    let sent = 0;
    const outcome = await train(test, ['w1', 'w2'], 'nobody', (message, traitor) => {
      if (message.type !== 'phi') return;
      traitor.send(...traitor.evaluation(message.round, -1e9));
      sent += 1;
    });
    check(outcome);
    assert.ok(sent > SMALL_ROUNDS / 2);
  });

  it('joins first with an engine that nobody has, and then says nothing: honest workers train', async (test) => {
    const hear = (message: ToWorker, traitor: Traitor) => {
      if (message.type === 'announce') traitor.hello('junk that nobody computes');
    };
    const outcome = await train(test, ['w1', 'w2'], 'junk', hear, { isFirst: true, patience: { silence: 1 } });
    check(outcome);
  });

  it('joins, and sends other sums and scores than it should: it is banned if everything is computed twice', async (test) => {
    let fingerprint = '';
    const orders: { first: number; end: number }[] = [];
    const hear = (message: ToWorker, traitor: Traitor) => {
      if (message.type === 'announce') {
        if (fingerprint === '') return;
        traitor.hello(fingerprint);
        traitor.alive(orders);
      }
      if (message.type === 'order') orders.splice(0, orders.length, ...message.ranges);
      // a plausible gradient, for the root and for its own shards
      if (message.type === 'phi' && orders.length > 0) {
        traitor.send(traitor.result(message.round + 1, { level: 4, index: 0 }, 13, 1e-3));
        for (const { first, end } of orders) {
          for (let shard = first; shard < end; shard++) {
            traitor.send(traitor.result(message.round + 1, { level: 0, index: shard }, 1, 1e-3));
          }
        }
      }
      if (message.type === 'evaluate') traitor.send(...traitor.evaluation(message.round, -1e9));
    };
    fingerprint = await honestFingerprint((await smallRun()).config);
    const outcome = await train(test, ['w1', 'w2', 'w3'], 'liar', hear, { doubledShare: 1 });
    check(outcome);
    assert.deepEqual(outcome.banned, ['liar']);
  });

  it('sends orders, φ and the end of the run to the workers: none follows', async (test) => {
    const { config } = await smallRun();
    const link = await connectTo(test, server!);
    let forger: NatsBus | undefined;
    let sent = 0;
    let announced: AnnounceMessage | undefined;
    const outcome = await train(test, ['w1', 'w2'], 'forger', (message, traitor) => {
      if (message.type === 'announce') announced = message;
      if (message.type !== 'phi' || !announced) return;
      forger ??= new NatsBus({ link, subjects: runSubjects(announced.run), logger: silentLogger, drainMs: 0 });
      const phi = new Float32Array(phiLength(config.architecture)).fill(7);
      forger.toAllWorkers(announcementOf(announced.run, { config, term: announced.term, round: message.round + 5 }));
      forger.toAllWorkers({ type: 'phi', term: announced.term, round: message.round + 5, phi });
      forger.toAllWorkers({ type: 'finished' });
      const order = { type: 'order', term: announced.term, round: 1, ranges: [], copies: [] } as const;
      for (const worker of ['w1', 'w2']) forger.toWorker(traitor.bus.addressOf(worker), order);
      sent += 1;
    });
    check(outcome);
    assert.ok(sent > SMALL_ROUNDS / 2);
    await forger?.close();
  });

  it('floods the coordinator with parts and asks of strangers: the run goes on within seconds of the end', async (test) => {
    const link = await connectTo(test, server!);
    let flooded = 0;
    let endedAt = 0;
    const part = randomBytes(450_000);
    const hear = (message: ToWorker) => {
      if (message.type !== 'announce' || flooded > 0) return;
      const { run, keys } = message;
      const { bulk } = runSubjects(run);
      // each from somebody else, and none is ever finished
      for (let stranger = 0; stranger < 200; stranger++) {
        const sealer = new WorkerSealer(runSubjects(run).mail, newKeyPair('x25519'), keys!.agree);
        const session = randomBytes(8).toString('hex');
        const place = { session, message: 1, index: 0, count: 3 } as const;
        const size = 3 * part.length;
        link.bulk.publish(
          bulk,
          sealer.seal(bulk, `s${stranger}`, { kind: 'ask', ...place, size: 60_000 }),
          'nobody.listens',
        );
        link.bulk.publish(bulk, sealer.seal(bulk, `s${stranger}`, { kind: 'part', ...place, size, payload: part }));
        link.bulk.publish(bulk, encodePacket({ kind: 'part', ...place, size, payload: part }));
        flooded += 1;
      }
      void link.bulk.flush().then(() => {
        endedAt = performance.now();
      });
    };
    const outcome = await train(test, ['w1', 'w2'], 'flood', hear);
    const seconds = (performance.now() - endedAt) / 1000;
    check(outcome);
    assert.equal(flooded, 200);
    test.diagnostic(`the run ended ${seconds.toFixed(1)} s after the flood`);
    await until(() => endedAt > 0);
    assert.deepEqual(outcome.banned, []);
  });
});
