/** What every bus must do; run on each implementation. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Address, Bus } from '../../shared/bus/bus.js';
import type { RunConfig } from '../../shared/config.js';
import type {
  EvaluationMessage,
  HeartbeatMessage,
  OrderMessage,
  PhiMessage,
  ResultMessage,
  ToCoordinator,
  ToWorker,
} from '../../shared/messages.js';
import { phiLength } from '../../shared/phi.js';
import { ShapeError } from '../../shared/shape.js';
import { announcementOf, resultOf } from '../fixtures/messages.js';
import { runConfig } from '../fixtures/run-config.js';

/** The two ends of one bus, on which nobody else speaks; the same object where they are in one process. */
export interface BusEnds {
  coordinator: Bus;
  workers: Bus;
  /** The name of the run that they speak of. */
  run: string;
  /** Where a worker of this name on the workers' end is reached. */
  address(worker: string): Address;
  /** Resolves when everything that was sent before has been delivered, and every subscription holds. */
  settle(): Promise<void>;
}

/** What the suite needs to know of a bus. */
export interface BusUnderTest {
  name: string;
  /** Why the suite cannot run here. */
  skip?: string | false;
  /** @param config what the coordinator's end knows of the run, as in a run it does */
  create(test: TestContext, config?: RunConfig): Promise<BusEnds>;
}

function heartbeat(worker: string, incarnation: number): HeartbeatMessage {
  return { type: 'heartbeat', worker, incarnation, ranges: [], copies: [] };
}

function order(term: number): OrderMessage {
  return { type: 'order', term, round: 1, ranges: [{ first: 0, end: 4 }], copies: [] };
}

function phi(round: number): PhiMessage {
  return { type: 'phi', term: 1, round, phi: Float32Array.of(round, -0, 0.1) };
}

function evaluation(worker: string, chunk: number): EvaluationMessage {
  // scores may be anything: a φ may diverge
  const values = Float64Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, -0);
  const scores = { chunk, initial: values, sum: values.map((value) => value + 1), final: values };
  return { type: 'evaluation', worker, digest: 'd'.repeat(64), round: 4, scores };
}

/** Sends what is not as it must be: a bus may say so to the sender. */
function sendWrongly(send: () => void): void {
  try {
    send();
  } catch (error) {
    assert.ok(error instanceof ShapeError, String(error));
  }
}

/** The contract. */
export function testBus(under: BusUnderTest): void {
  describe(`${under.name} bus`, { skip: under.skip ?? false }, () => {
    it('brings the coordinator what every worker sends, in each one’s order', async (test) => {
      const { coordinator, workers, settle } = await under.create(test);
      const received: ToCoordinator[] = [];
      coordinator.onCoordinator((message) => received.push(message));
      await settle();
      for (let i = 0; i < 50; i++) for (const worker of ['a', 'b']) workers.toCoordinator(heartbeat(worker, i));
      await settle();
      for (const worker of ['a', 'b']) {
        assert.deepEqual(
          received.filter((message) => message.type === 'heartbeat' && message.worker === worker),
          Array.from({ length: 50 }, (_, i) => heartbeat(worker, i)),
        );
      }
      assert.equal(received.length, 100);
    });

    it('brings the coordinator results, evaluations and the goodbye after them as they were sent, in order', async (test) => {
      const { coordinator, workers, settle } = await under.create(test);
      const received: ToCoordinator[] = [];
      coordinator.onCoordinator((message) => received.push(message));
      await settle();
      const sent: ToCoordinator[] = [];
      for (let round = 1; round <= 20; round++) {
        sent.push(resultOf('a', round, round % 4), evaluation('a', round));
      }
      sent.push({ type: 'goodbye', worker: 'a' }, { type: 'goodbye', worker: 'b', error: 'no memory is left' });
      for (const message of sent) {
        workers.toCoordinator(message);
        if (message.type === 'result' && message.round % 3 === 0) await settle();
      }
      await settle();
      assert.deepEqual(received, sent);
      const bits = (message: ToCoordinator) =>
        new Uint32Array((message as ResultMessage).node.metaGradient.slice().buffer);
      assert.deepEqual(bits(received[0]!), bits(sent[0]!));
    });

    it('brings messages of any size, whole and in order', async (test) => {
      const { coordinator, workers, settle } = await under.create(test);
      const received: ToCoordinator[] = [];
      const mail: ToWorker[] = [];
      coordinator.onCoordinator((message) => received.push(message));
      workers.onWorker('a', (message) => mail.push(message));
      await settle();
      // 4 bytes an entry: from a part of a packet to some dozens of packets
      const lengths = [1, 100_000, 131_000, 300_000, 3, 1_500_000, 2];
      const results = lengths.map((length, i) => resultOf('a', i + 1, 0, length));
      const phis = lengths.map((length, i): PhiMessage => {
        const { metaGradient: gradient } = resultOf('a', i + 1, 1, length).node;
        return { type: 'phi', term: 1, round: i, phi: gradient };
      });
      for (const result of results) workers.toCoordinator(result);
      for (const each of phis) coordinator.toAllWorkers(each);
      await settle();
      assert.deepEqual(
        received.map((message) => message.type === 'result' && message.node.metaGradient.length),
        lengths,
      );
      assert.deepEqual(received, results);
      assert.deepEqual(mail, phis);
    });

    it('says where the coordinator’s mail comes from', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      const received: string[] = [];
      coordinator.onCoordinator((message, from) => received.push(`${message.type} ${from}`));
      await settle();
      workers.toCoordinator(heartbeat('a', 1));
      workers.toCoordinator(heartbeat('b', 1));
      await settle();
      workers.toCoordinator(resultOf('a', 1, 0));
      await settle();
      const expected = [`heartbeat ${address('a')}`, `heartbeat ${address('b')}`, `result ${address('a')}`];
      assert.deepEqual(received, expected);
      assert.notEqual(address('a'), address('b'));
    });

    it('brings a worker what is sent to it and to all, in order, and nothing else', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      const mail: Record<string, ToWorker[]> = { a: [], b: [] };
      for (const worker of ['a', 'b']) workers.onWorker(worker, (message) => mail[worker]!.push(message));
      coordinator.onCoordinator(() => assert.fail('nothing was sent to the coordinator'));
      await settle();
      coordinator.toWorker(address('a'), order(1));
      coordinator.toAllWorkers(phi(1));
      coordinator.toWorker(address('b'), order(2));
      coordinator.toWorker(address('nobody'), order(3));
      coordinator.toWorker(address('a'), order(4));
      coordinator.toAllWorkers(phi(2));
      await settle();
      assert.deepEqual(mail, { a: [order(1), phi(1), order(4), phi(2)], b: [phi(1), order(2), phi(2)] });
    });

    it('brings nothing that is not a message, whoever says it is one, and then what comes after it', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      const received: ToCoordinator[] = [];
      const mail: ToWorker[] = [];
      coordinator.onCoordinator((message) => received.push(message));
      workers.onWorker('a', (message) => mail.push(message));
      await settle();
      const result = resultOf('a', 1, 0);
      const spoilt = resultOf('a', 1, 0).node.metaGradient.fill(Number.NaN, 3);
      for (const wrong of [
        { ...heartbeat('a', 1), ranges: [{ first: 3, end: 3 }] },
        { ...heartbeat('a', 1), worker: 'a worker' },
        { type: 'goodbye', worker: 'a', error: 5 },
        { ...result, node: { ...result.node, metaGradient: spoilt } },
        { ...result, node: { ...result.node, loss: Number.POSITIVE_INFINITY } },
        { ...result, node: { ...result.node, healthy: 3 } },
        { type: 'order', worker: 'a' },
      ]) {
        sendWrongly(() => workers.toCoordinator(wrong as unknown as ToCoordinator));
      }
      for (const wrong of [{ ...order(1), term: 0 }, { ...phi(1), phi: spoilt }, { type: 'hello' }]) {
        sendWrongly(() => coordinator.toWorker(address('a'), wrong as unknown as ToWorker));
        sendWrongly(() => coordinator.toAllWorkers(wrong as unknown as ToWorker));
      }
      workers.toCoordinator(result);
      coordinator.toAllWorkers(phi(2));
      await settle();
      assert.deepEqual(received, [result]);
      assert.deepEqual(mail, [phi(2)]);
    });

    it('brings only what has the sizes of the run, once that is known', async (test) => {
      const config = runConfig();
      const { coordinator, workers, run, address, settle } = await under.create(test, config);
      const received: ToCoordinator[] = [];
      const mail: ToWorker[] = [];
      coordinator.onCoordinator((message) => received.push(message));
      workers.onWorker('a', (message) => mail.push(message));
      await settle();
      const announcement = announcementOf(run, { config });
      coordinator.toAllWorkers(announcement);
      await settle();
      const length = phiLength(config.architecture);
      // four shards of two problems
      for (const wrong of [resultOf('a', 1, 0, length + 1), resultOf('a', 1, 4, length)]) {
        sendWrongly(() => workers.toCoordinator(wrong));
      }
      sendWrongly(() => coordinator.toAllWorkers(phi(1)));
      sendWrongly(() => coordinator.toWorker(address('a'), { ...order(1), ranges: [{ first: 0, end: 5 }] }));
      const result = resultOf('a', 1, 3, length);
      workers.toCoordinator(result);
      coordinator.toWorker(address('a'), order(1));
      await settle();
      assert.deepEqual(received, [result]);
      // a bus may add its keys
      const [announced, ...others] = mail;
      assert.deepEqual(
        [{ ...announced, keys: undefined }, ...others],
        [{ ...announcement, keys: undefined }, order(1)],
      );
    });

    it('delivers nothing within the call that sends', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      let sending = false;
      let received = 0;
      const arrive = () => {
        assert.equal(sending, false);
        received += 1;
      };
      coordinator.onCoordinator(() => {
        arrive();
        send(() => coordinator.toAllWorkers(phi(1)));
      });
      workers.onWorker('a', arrive);
      await settle();
      function send(call: () => void): void {
        sending = true;
        call();
        sending = false;
      }
      send(() => coordinator.toWorker(address('a'), order(1)));
      send(() => workers.toCoordinator(heartbeat('a', 1)));
      send(() => workers.toCoordinator(resultOf('a', 1, 0)));
      await settle();
      await settle();
      assert.equal(received, 5);
    });

    it('brings a message to every handler of its receiver', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      const counts = [0, 0, 0, 0];
      for (const i of [0, 1]) {
        coordinator.onCoordinator(() => {
          counts[i]! += 1;
        });
        workers.onWorker('a', () => {
          counts[2 + i]! += 1;
        });
      }
      await settle();
      workers.toCoordinator(heartbeat('a', 1));
      coordinator.toWorker(address('a'), order(1));
      coordinator.toAllWorkers(phi(1));
      await settle();
      assert.deepEqual(counts, [1, 1, 2, 2]);
    });

    it('loses what nobody subscribes to, and what comes after the end of a subscription', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      const received: string[] = [];
      workers.toCoordinator(heartbeat('a', 0));
      coordinator.toAllWorkers(phi(0));
      await settle();
      const endCoordinator = coordinator.onCoordinator(({ type }) => received.push(`coordinator ${type}`));
      const endWorker = workers.onWorker('a', ({ type }) => received.push(`a ${type}`));
      workers.onWorker('b', ({ type }) => received.push(`b ${type}`));
      await settle();
      workers.toCoordinator(heartbeat('a', 1));
      coordinator.toAllWorkers(phi(1));
      await settle();
      assert.deepEqual(received.splice(0).sort(), ['a phi', 'b phi', 'coordinator heartbeat']);
      for (let i = 0; i < 2; i++) {
        endCoordinator();
        endWorker();
      }
      await settle();
      workers.toCoordinator(heartbeat('a', 2));
      coordinator.toWorker(address('a'), order(2));
      coordinator.toAllWorkers(phi(2));
      await settle();
      assert.deepEqual(received, ['b phi']);
    });

    it('onUnreachable() names the workers that do not subscribe to what is sent to them', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      const named: string[] = [];
      const end = coordinator.onUnreachable((worker) => named.push(worker));
      const leave = workers.onWorker('a', () => {});
      await settle();
      coordinator.toWorker(address('a'), order(1));
      coordinator.toWorker(address('b-2'), order(1));
      coordinator.toAllWorkers(phi(1));
      await settle();
      assert.deepEqual(named.splice(0), [address('b-2')]);
      leave();
      await settle();
      coordinator.toWorker(address('a'), order(2));
      await settle();
      assert.deepEqual(named.splice(0), [address('a')]);
      workers.onWorker('a', () => {});
      await settle();
      coordinator.toWorker(address('a'), order(3));
      end();
      coordinator.toWorker(address('b-2'), order(3));
      await settle();
      assert.deepEqual(named, []);
    });

    it('close() delivers nothing from then on, and can be called twice', async (test) => {
      const { coordinator, workers, address, settle } = await under.create(test);
      let received = 0;
      const count = () => {
        received += 1;
      };
      coordinator.onCoordinator(count);
      workers.onWorker('a', count);
      await settle();
      workers.toCoordinator(heartbeat('a', 1));
      await settle();
      assert.equal(received, 1);
      for (const bus of [coordinator, workers]) await bus.close();
      workers.toCoordinator(heartbeat('a', 2));
      workers.toCoordinator(resultOf('a', 1, 0));
      coordinator.toWorker(address('a'), order(1));
      coordinator.toAllWorkers(phi(1));
      for (const bus of [coordinator, workers]) await bus.close();
      await settle();
      assert.equal(received, 1);
    });
  });
}
