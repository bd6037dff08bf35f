import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator, type CoordinatorOptions, type RunEnd } from '../../coordinator/coordinator.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import { LoptError } from '../../shared/errors.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { silentLogger } from '../../shared/logger.js';
import { type HelloMessage, PROTOCOL } from '../../shared/messages.js';
import { phiLength } from '../../shared/phi.js';
import type { TreeNode } from '../../shared/sum-tree.js';
import { Pool } from '../../worker/pool.js';
import type { WindowsAnswer, WindowsTask } from '../../worker/tasks.js';
import { Worker } from '../../worker/worker.js';
import { smallRun, startOf } from '../e2e/harness.js';
import { withFolder } from '../fixtures/folder.js';

/** A worker that speaks the protocol and answers every order at once, with sums made up of the shard's number. */
class ScriptedWorker {
  readonly #bus: MemoryBus;
  readonly #id: string;
  readonly #config: RunConfig;
  #shards: number[] = [];
  /** What a leaf's gradient is filled with. */
  value: (shard: number, round: number) => number = (shard) => shard + 1;
  healthyAt: (round: number) => number = () => 2;
  onRefuse: (reason: string) => void = () => {};
  answersEvaluations = true;

  constructor(bus: MemoryBus, id: string, config: RunConfig) {
    this.#bus = bus;
    this.#id = id;
    this.#config = config;
    bus.onWorker(id, (message) => {
      if (message.type === 'order') {
        this.#shards = message.ranges.flatMap(({ first, end }) =>
          Array.from({ length: end - first }, (_, index) => first + index),
        );
      } else if (message.type === 'refuse') {
        this.onRefuse(message.reason);
      } else if (message.type === 'phi') {
        for (const shard of this.#shards) this.send(shard, message.round + 1);
      } else if (message.type === 'evaluate' && this.answersEvaluations) {
        for (const { chunk, count } of message.chunks) {
          const scores = {
            chunk,
            initial: new Float64Array(count).fill(2),
            sum: new Float64Array(count).fill(message.round),
            final: new Float64Array(count).fill(1),
          };
          const { round } = message;
          bus.toCoordinator({ type: 'evaluation', worker: id, digest: digestOf(config), round, scores });
        }
      }
    });
  }

  hello(changed: Partial<HelloMessage> = {}): void {
    this.#bus.toCoordinator({
      type: 'hello',
      worker: this.#id,
      incarnation: 1,
      threads: 1,
      fingerprint: 'made up',
      protocol: PROTOCOL,
      digest: digestOf(this.#config),
      ...changed,
    });
  }

  leave(error?: string): void {
    this.#bus.toCoordinator({ type: 'goodbye', worker: this.#id, ...(error === undefined ? {} : { error }) });
  }

  send(shard: number, round: number): void {
    const node: TreeNode = {
      level: 0,
      index: shard,
      metaGradient: new Float32Array(phiLength(this.#config.architecture)).fill(this.value(shard, round)),
      loss: 1,
      finalLoss: 1,
      healthy: this.healthyAt(round),
      problems: 2,
    };
    const digest = digestOf(this.#config);
    this.#bus.toCoordinator({ type: 'result', worker: this.#id, digest, round, node, replayed: 0 });
  }
}

/** Runs a coordinator with scripted workers. */
async function coordinate(
  script: (start: (id: string) => ScriptedWorker, stop: AbortController, bus: MemoryBus) => void,
  options: Partial<CoordinatorOptions> = {},
): Promise<RunEnd> {
  const { config } = await smallRun();
  return withFolder(async (folder) => {
    const bus = new MemoryBus();
    const journal = new FileJournal(join(folder, 'journal'));
    const stop = new AbortController();
    const coordinator = new Coordinator({
      run: 'test',
      config,
      digest: digestOf(config),
      bus,
      journal,
      checkpoints: new Checkpoints(new FolderBlobs(join(folder, 'checkpoints'))),
      phi: startOf(config),
      goal: { rounds: 12 },
      logger: silentLogger,
      signal: stop.signal,
      ...options,
    });
    const running = coordinator.run();
    // the coordinator subscribes once it has read its journal: the workers come when it announces the run
    let started = false;
    const unsubscribe = bus.onWorker('observer', (message) => {
      if (message.type !== 'announce' || started) return;
      started = true;
      script((id) => new ScriptedWorker(bus, id, config), stop, bus);
    });
    try {
      return await running;
    } finally {
      unsubscribe();
      await bus.close();
      await journal.close();
    }
  });
}

/** Threads of a worker that spoils the nodes that they give. */
class SpoilingPool extends Pool {
  readonly #spoil: (node: TreeNode) => void;

  constructor(spoil: (node: TreeNode) => void) {
    super(1);
    this.#spoil = spoil;
  }

  override async computeWindows(task: WindowsTask): Promise<WindowsAnswer> {
    const answer = await super.computeWindows(task);
    for (const node of answer.nodes) this.#spoil(node);
    return answer;
  }
}

/** Runs a coordinator with one worker, whose error ends the run. */
async function coordinateOn(pool: Pool): Promise<RunEnd> {
  const history = { phi: () => Promise.reject(new Error('nothing is replayed')) };
  try {
    return await coordinate((_start, _stop, bus) => new Worker({ id: 'w', bus, pool, history, logger: silentLogger }), {
      failWithLastWorker: true,
    });
  } finally {
    await pool.close();
  }
}

describe('Coordinator.run()', () => {
  it('gives the same φ with one worker, with three, and with results that come twice', async () => {
    const ends: RunEnd[] = [];
    for (const count of [1, 3]) {
      ends.push(
        await coordinate((start) => {
          for (let i = 0; i < count; i++) start(`w${i}`).hello();
        }),
      );
    }
    ends.push(
      await coordinate((start) => {
        const worker = start('w');
        const { send } = worker;
        worker.send = (shard, round) => {
          send.call(worker, shard, round);
          send.call(worker, shard, round);
          if (round > 1) send.call(worker, shard, round - 1);
        };
        worker.hello();
      }),
    );
    for (const { state } of ends) {
      assert.equal(state.round, 12);
      assert.deepEqual(state.phi, ends[0]!.state.phi);
    }
  });

  it('goes on with the others when a worker leaves in the middle of a round', async () => {
    const alone = await coordinate((start) => start('w').hello());
    const left = await coordinate((start) => {
      const staying = start('staying');
      const leaving = start('leaving');
      leaving.send = () => {};
      staying.hello();
      leaving.hello();
      let rounds = 0;
      const { send } = staying;
      staying.send = (shard, round) => {
        send.call(staying, shard, round);
        rounds += 1;
        if (rounds === 5) leaving.leave();
      };
    });
    assert.deepEqual(left.state.phi, alone.state.phi);
  });

  it('refuses another protocol, another configuration and another engine', async () => {
    const refusals: string[] = [];
    await coordinate((start) => {
      start('first').hello();
      for (const [id, changed] of [
        ['old', { protocol: PROTOCOL + 1 }],
        ['other', { digest: 'a'.repeat(64) }],
        ['odd', { fingerprint: 'computes otherwise' }],
      ] as const) {
        const worker = start(id);
        worker.onRefuse = (reason) => refusals.push(reason);
        worker.hello(changed);
      }
    });
    assert.deepEqual(refusals, [
      `it speaks protocol ${PROTOCOL + 1}, and this run protocol ${PROTOCOL}`,
      'its configuration is another one',
      'its engine computes other bits: it is "computes otherwise", and this run\'s is "made up"',
    ]);
  });

  it('skips a round whose sum is not finite, or in which nothing was healthy', async () => {
    const skipped: number[] = [];
    const end = await coordinate(
      (start) => {
        const worker = start('w');
        worker.value = (shard, round) => (round === 3 ? 3e38 : shard);
        worker.healthyAt = (round) => (round === 4 ? 0 : 2);
        worker.hello();
      },
      {
        observer: {
          round(record) {
            if (record.skipped) skipped.push(record.round);
          },
        },
      },
    );
    assert.deepEqual(skipped, [3, 4]);
    assert.ok(end.state.phi.every(Number.isFinite));
  });

  it('keeps the best φ by its held-out score, and ends with the error of its last worker', async () => {
    // scores are the round: the first one is best
    const end = await coordinate((start) => start('w').hello());
    assert.deepEqual([end.best.round, end.best.score], [0, 0]);
    const failing = coordinate(
      (start) => {
        const worker = start('w');
        worker.send = () => worker.leave('its disk is full');
        worker.hello();
      },
      { failWithLastWorker: true },
    );
    await assert.rejects(failing, new LoptError('its disk is full'));
  });

  it('stops where two workers send other bits for one node', async () => {
    const failing = coordinate((start) => {
      const worker = start('w');
      const { send } = worker;
      worker.send = (shard, round) => {
        send.call(worker, shard, round);
        if (round !== 4 || shard !== 2) return;
        worker.value = () => 17;
        send.call(worker, shard, round);
      };
      worker.hello();
    });
    await assert.rejects(failing, /round 4: workers w and w sent other bits for node 0\/2/);
  });

  it('ends with the sentence of its last worker, whose threads gave what no message may hold', async () => {
    const length = phiLength((await smallRun()).config.architecture);
    const notFinite = new SpoilingPool((node) => {
      node.metaGradient[2] = Number.NaN;
    });
    const said = '"message.node.metaGradient[2]" must be a finite number, got NaN';
    await assert.rejects(coordinateOn(notFinite), new LoptError(said));
    const short = new SpoilingPool((node) => {
      node.metaGradient = node.metaGradient.subarray(3);
    });
    const must = `"message.node.metaGradient" must be a Float32Array of ${length}`;
    await assert.rejects(coordinateOn(short), new LoptError(`${must}, got Float32Array of ${4 * (length - 3)} bytes`));
  });

  it('ends with what its last worker says, cut off if no message could carry it', async () => {
    class FailingPool extends Pool {
      override fingerprint(): Promise<string> {
        return Promise.reject(new Error('x'.repeat(10_000)));
      }
    }
    await assert.rejects(coordinateOn(new FailingPool(1)), new LoptError(`${'x'.repeat(4095)}…`));
  });

  it('ends without the scores of an evaluation when it is told to, and then without the round that they act in', async () => {
    const patience = { stop: 0.3 };
    const withoutScores = (start: (id: string) => ScriptedWorker) => {
      const worker = start('a');
      worker.answersEvaluations = false;
      worker.hello();
    };
    // φ_0 is scored in round 9, and φ_9 at the end of the run
    const observed: number[] = [];
    const stopAfter = (last: number, stop: AbortController) => ({
      round({ round }: { round: number }) {
        observed.push(round);
        if (round === last) stop.abort();
      },
    });
    const inRound = new AbortController();
    const within = await coordinate(withoutScores, {
      patience,
      signal: inRound.signal,
      observer: stopAfter(8, inRound),
    });
    assert.deepEqual([within.interrupted, within.state.round, observed.at(-1)], [true, 8, 8]);
    const atEnd = new AbortController();
    const last = await coordinate(withoutScores, {
      patience,
      signal: atEnd.signal,
      goal: { rounds: 8 },
      observer: stopAfter(8, atEnd),
    });
    assert.deepEqual([last.interrupted, last.state.round], [true, 8]);
  });

  it('ends without a worker when it is told to', async () => {
    const end = await coordinate((_start, stop) => stop.abort());
    assert.deepEqual([end.interrupted, end.state.round], [true, 0]);
  });
});
