/** What the worker does with the bus, the threads and the journal; what it decides is tested by itself. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { digestOf } from '../../shared/config.js';
import { silentLogger } from '../../shared/logger.js';
import type { AnnounceMessage, ToCoordinator, ToWorker } from '../../shared/messages.js';
import { ThreadLostError } from '../../worker/pool.js';
import { Worker, type WorkerOptions } from '../../worker/worker.js';
import { announcement as announced, evaluateOf, order, phi, phiOf } from '../fixtures/played-worker.js';
import { jobsOf, ScriptedPool } from '../fixtures/scripted-pool.js';

/** An announcement that a bus lets through. */
function announcement(changes: Partial<AnnounceMessage> = {}): AnnounceMessage {
  const message = announced(changes);
  return { ...message, digest: digestOf(message.config) };
}

/** A promise that a test resolves. */
function gate(): { open: () => void; passed: Promise<void> } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

/** A worker on a bus of its own, and all that it does. */
function start(test: TestContext, options: Partial<WorkerOptions> = {}) {
  const bus = new MemoryBus();
  const pool = new ScriptedPool();
  const sent: ToCoordinator[] = [];
  const told: string[] = [];
  const read: number[] = [];
  bus.onCoordinator((message) => sent.push(message));
  const history = {
    async phi(round: number): Promise<Float32Array> {
      read.push(round);
      return phiOf(round);
    },
    forget: () => told.push('forget'),
  };
  const observer = {
    ordered: (_run: unknown, shards: number) => told.push(`ordered ${shards}`),
    computed: (round: number) => told.push(`computed ${round}`),
    released: () => told.push('released'),
  };
  const onFailed = (error: Error) => told.push(`failed: ${error.message}`);
  const onFinished = () => told.push('finished');
  const given = { id: 'w', bus, pool, history, logger: silentLogger, observer, onFailed, onFinished };
  const worker = new Worker({ ...given, ...options });
  test.after(() => worker.abandon());
  /** Sends these, each when all that follows from the one before has happened. */
  const hear = async (...messages: ToWorker[]) => {
    for (const message of messages) {
      bus.toWorker('w', message);
      await settled();
    }
  };
  return { worker, bus, pool, sent, told, read, hear };
}

/** Nothing here takes longer than the turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function typesOf(messages: readonly ToCoordinator[]): string[] {
  return messages.map((message) => ('round' in message ? `${message.type} ${message.round}` : message.type));
}

describe('Worker', () => {
  it('says hello with the threads that it has then, computes and answers', async (test) => {
    const { pool, sent, told, read, hear } = start(test);
    pool.fitted = 5;
    await hear(announcement());
    assert.ok(sent[0]?.type === 'hello');
    assert.equal(sent[0].threads, 5);
    pool.threads = 1;
    await hear(order(), phi(0), evaluateOf(0, [3]), announcement({ round: 1 }));
    assert.deepEqual(typesOf(sent.slice(1)), ['result 1', 'evaluation 0', 'heartbeat', 'result 2']);
    assert.deepEqual(told, ['ordered 2', 'computed 1', 'computed 2']);
    assert.deepEqual(read, [1]);
  });

  it('takes an announcement that came before it listened', async (test) => {
    const { worker, sent } = start(test);
    worker.hear(announcement());
    await settled();
    assert.deepEqual(typesOf(sent), ['hello']);
  });

  it('shares φ with all threads, of whatever is computed', async (test) => {
    const { pool, hear } = start(test);
    await hear(announcement(), order({ copies: [{ level: 0, index: 7 }] }), phi(0));
    const [own, copied] = pool.tasks;
    assert.deepEqual([...own!.phi], [...phiOf(0)]);
    assert.ok(own!.phi.buffer instanceof SharedArrayBuffer);
    assert.equal(copied!.phi, own!.phi);
  });

  it('keeps the states of its shards and copies for the next round, and drops them when it is told', async (test) => {
    const { pool, read, hear } = start(test);
    const copies = [{ level: 0, index: 7 }];
    await hear(announcement(), order({ copies }), phi(0), phi(1));
    assert.deepEqual(pool.tasks.map(jobsOf), [
      ['0: begins', '1: begins'],
      ['7: begins'],
      ['0: 0 after φ 0', '1: 1 after φ 0'],
      ['7: 7 after φ 0'],
    ]);
    pool.tasks.length = 0;
    // the first window of an episode, away and back, and its second one
    await hear(phi(2), order({ ranges: [{ first: 1, end: 2 }] }), order({ copies }), phi(3));
    assert.deepEqual(pool.tasks.map(jobsOf), [
      ['0: begins', '1: begins'],
      ['7: begins'],
      ['7: begins'],
      ['7: 7 after φ 2'],
      ['0: replays φ 2', '1: 1 after φ 2'],
    ]);
    assert.deepEqual(read, [2]);
  });

  it('drops all states when a new term goes back', async (test) => {
    const { pool, told, hear } = start(test);
    const copies = [{ level: 0, index: 7 }];
    await hear(announcement(), order({ copies }), phi(0), phi(1), phi(2));
    pool.tasks.length = 0;
    await hear(phi(1, { term: 2 }));
    // a replay waits for the journal, so either may come first
    assert.deepEqual(pool.tasks.flatMap(jobsOf).sort(), ['0: replays φ 0', '1: replays φ 0', '7: replays φ 0']);
    assert.ok(told.includes('forget'));
  });

  it('does not go on with the state of a window that a new term has made it forget', async (test) => {
    const { pool, hear } = start(test);
    await hear(announcement(), order());
    const { open, passed } = gate();
    pool.before = () => passed;
    await hear(phi(2));
    pool.before = () => Promise.resolve();
    await hear(phi(1, { term: 2 }), phi(2, { term: 2, phi: phiOf(20) }));
    open();
    await settled();
    await hear(phi(3, { term: 2 }));
    assert.deepEqual(jobsOf(pool.tasks.at(-1)!), ['0: 0 after φ 20', '1: 1 after φ 20']);
  });

  it('drains: what it computes is sent before the goodbye', async (test) => {
    const { worker, pool, sent, told, hear } = start(test);
    const { open, passed } = gate();
    pool.before = () => passed;
    await hear(announcement(), order(), phi(0));
    let drained = false;
    const draining = worker.drain().then(() => {
      drained = true;
    });
    await settled();
    assert.deepEqual([typesOf(sent), drained], [['hello'], false]);
    open();
    await draining;
    await settled();
    assert.deepEqual(typesOf(sent), ['hello', 'result 1', 'goodbye']);
    assert.deepEqual(told, ['ordered 2', 'computed 1', 'released']);
    await worker.drain();
    await worker.close();
    await settled();
    assert.equal(sent.length, 3);
  });

  it('sends and hears nothing once it is abandoned, and tries nothing again', async (test) => {
    const { worker, bus, pool, sent, told, hear } = start(test);
    const unreachable: string[] = [];
    bus.onUnreachable((name) => unreachable.push(name));
    const { open, passed } = gate();
    pool.before = async () => {
      await passed;
      throw new ThreadLostError('it is gone');
    };
    await hear(announcement(), order(), phi(0));
    worker.abandon();
    open();
    await hear(announcement(), { type: 'finished' });
    await worker.close();
    await worker.drain();
    await settled();
    assert.deepEqual([pool.tasks.length, unreachable], [1, ['w', 'w']]);
    assert.deepEqual(typesOf(sent), ['hello']);
    assert.deepEqual(told, ['ordered 2']);
  });

  it('leaves, and says why, when something cannot be done', async (test) => {
    const { pool, sent, told, hear } = start(test);
    pool.before = () => Promise.reject(new Error('broken'));
    await hear(announcement(), order(), phi(0), announcement());
    assert.deepEqual(sent.at(-1), { type: 'goodbye', worker: 'w', error: 'broken' });
    assert.deepEqual(told, ['ordered 2', 'released', 'failed: broken']);
  });

  it('leaves, and says why, when what it tells throws', async (test) => {
    const observer = {
      ordered() {
        throw new Error('nobody counts');
      },
    };
    const { sent, told, hear } = start(test, { observer });
    await hear(announcement(), order());
    assert.deepEqual(sent.at(-1), { type: 'goodbye', worker: 'w', error: 'nobody counts' });
    assert.deepEqual(told, ['failed: nobody counts']);
  });

  it('tells that the run is over, and says no goodbye then', async (test) => {
    const { worker, sent, told, hear } = start(test);
    await hear(announcement(), { type: 'finished' });
    await worker.close();
    await settled();
    assert.deepEqual(typesOf(sent), ['hello']);
    assert.deepEqual(told, ['released', 'finished', 'released']);
  });
});
