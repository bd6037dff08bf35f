/** What every bus must do; run on each implementation. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Bus } from '../../shared/bus/bus.js';
import type { HeartbeatMessage, OrderMessage, PhiMessage, ToCoordinator, ToWorker } from '../../shared/messages.js';

/** What the suite needs to know of a bus. */
export interface BusUnderTest {
  name: string;
  /** An open bus, on which nobody else speaks. */
  create(test: TestContext): Promise<Bus>;
  /** Resolves when everything that was sent before has been delivered. */
  settle(bus: Bus): Promise<void>;
}

function heartbeat(worker: string, incarnation: number): HeartbeatMessage {
  return { type: 'heartbeat', worker, incarnation, ranges: [] };
}

function order(term: number): OrderMessage {
  return { type: 'order', term, round: 1, ranges: [{ first: 0, end: 4 }] };
}

function phi(round: number): PhiMessage {
  return { type: 'phi', term: 1, round, phi: Float32Array.of(round, -0, 0.1) };
}

/** The contract. */
export function testBus(under: BusUnderTest): void {
  describe(`${under.name} bus`, () => {
    it('brings the coordinator what every worker sends, in each one’s order', async (test) => {
      const bus = await under.create(test);
      const received: ToCoordinator[] = [];
      bus.onCoordinator((message) => received.push(message));
      for (let i = 0; i < 50; i++) for (const worker of ['a', 'b']) bus.toCoordinator(heartbeat(worker, i));
      await under.settle(bus);
      for (const worker of ['a', 'b']) {
        assert.deepEqual(
          received.filter((message) => message.type === 'heartbeat' && message.worker === worker),
          Array.from({ length: 50 }, (_, i) => heartbeat(worker, i)),
        );
      }
      assert.equal(received.length, 100);
      await bus.close();
    });

    it('brings a worker what is sent to it and to all, in order, and nothing else', async (test) => {
      const bus = await under.create(test);
      const mail: Record<string, ToWorker[]> = { a: [], b: [] };
      for (const worker of ['a', 'b']) bus.onWorker(worker, (message) => mail[worker]!.push(message));
      bus.onCoordinator(() => assert.fail('nothing was sent to the coordinator'));
      bus.toWorker('a', order(1));
      bus.toAllWorkers(phi(1));
      bus.toWorker('b', order(2));
      bus.toWorker('nobody', order(3));
      bus.toWorker('a', order(4));
      bus.toAllWorkers(phi(2));
      await under.settle(bus);
      assert.deepEqual(mail, { a: [order(1), phi(1), order(4), phi(2)], b: [phi(1), order(2), phi(2)] });
      await bus.close();
    });

    it('delivers nothing within the call that sends', async (test) => {
      const bus = await under.create(test);
      let sending = false;
      let received = 0;
      const arrive = () => {
        assert.equal(sending, false);
        received += 1;
      };
      bus.onCoordinator(() => {
        arrive();
        send(() => bus.toAllWorkers(phi(1)));
      });
      bus.onWorker('a', arrive);
      function send(call: () => void): void {
        sending = true;
        call();
        sending = false;
      }
      send(() => bus.toWorker('a', order(1)));
      send(() => bus.toCoordinator(heartbeat('a', 1)));
      await under.settle(bus);
      await under.settle(bus);
      assert.equal(received, 3);
      await bus.close();
    });

    it('brings a message to every handler of its receiver', async (test) => {
      const bus = await under.create(test);
      const counts = [0, 0, 0, 0];
      for (const i of [0, 1]) {
        bus.onCoordinator(() => {
          counts[i]! += 1;
        });
        bus.onWorker('a', () => {
          counts[2 + i]! += 1;
        });
      }
      bus.toCoordinator(heartbeat('a', 1));
      bus.toWorker('a', order(1));
      bus.toAllWorkers(phi(1));
      await under.settle(bus);
      assert.deepEqual(counts, [1, 1, 2, 2]);
      await bus.close();
    });

    it('loses what nobody subscribes to, and what comes after the end of a subscription', async (test) => {
      const bus = await under.create(test);
      const received: string[] = [];
      bus.toCoordinator(heartbeat('a', 0));
      bus.toAllWorkers(phi(0));
      await under.settle(bus);
      const endCoordinator = bus.onCoordinator(({ type }) => received.push(`coordinator ${type}`));
      const endWorker = bus.onWorker('a', ({ type }) => received.push(`a ${type}`));
      bus.onWorker('b', ({ type }) => received.push(`b ${type}`));
      bus.toCoordinator(heartbeat('a', 1));
      bus.toAllWorkers(phi(1));
      await under.settle(bus);
      assert.deepEqual(received.splice(0).sort(), ['a phi', 'b phi', 'coordinator heartbeat']);
      for (let i = 0; i < 2; i++) {
        endCoordinator();
        endWorker();
      }
      bus.toCoordinator(heartbeat('a', 2));
      bus.toWorker('a', order(2));
      bus.toAllWorkers(phi(2));
      await under.settle(bus);
      assert.deepEqual(received, ['b phi']);
      await bus.close();
    });

    it('close() delivers nothing from then on, and can be called twice', async (test) => {
      const bus = await under.create(test);
      let received = 0;
      const count = () => {
        received += 1;
      };
      bus.onCoordinator(count);
      bus.onWorker('a', count);
      bus.toCoordinator(heartbeat('a', 1));
      await under.settle(bus);
      assert.equal(received, 1);
      await bus.close();
      bus.toCoordinator(heartbeat('a', 2));
      bus.toWorker('a', order(1));
      bus.toAllWorkers(phi(1));
      await bus.close();
      await under.settle(bus);
      assert.equal(received, 1);
    });
  });
}
