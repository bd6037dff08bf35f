/** Shards that are computed twice, and what becomes of a worker that computes wrongly. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator } from '../../coordinator/coordinator.js';
import type { RunObserver } from '../../coordinator/observer.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import type { WindowPlace } from '../../shared/episodes.js';
import { InconsistencyError } from '../../shared/errors.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import type { ToCoordinator } from '../../shared/messages.js';
import { encodePhi } from '../../shared/phi-format.js';
import { timelineAt } from '../../shared/timeline.js';
import { Pool } from '../../worker/pool.js';
import type { WindowsAnswer, WindowsTask } from '../../worker/tasks.js';
import { Worker } from '../../worker/worker.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { Lines } from '../fixtures/lines.js';
import { GatedBus } from './gated-bus.js';
import { SMALL_ROUNDS, seededRandom, sha256, smallRun, startOf, trainSmall } from './harness.js';

/** Rounds from this one on, a faulty processor computes with another φ: one of its bits is flipped. */
const FAULTY_FROM = 17;

/** The round in which a shard computes a window. */
function roundOf(config: RunConfig, shard: number, { episode, window }: WindowPlace): number {
  const timeline = timelineAt(config, []);
  for (let round = 1; ; round++) {
    const place = timeline.placeOf(round, shard);
    if (place.episode === episode && place.window === window) return round;
  }
}

class FaultyPool extends Pool {
  readonly #random = seededRandom(5);

  override computeWindows(task: WindowsTask): Promise<WindowsAnswer> {
    const { shard, place } = task.jobs[0]!;
    if (roundOf(task.session.config, shard, place) < FAULTY_FROM) return super.computeWindows(task);
    const phi = new Float32Array(new SharedArrayBuffer(task.phi.byteLength));
    phi.set(task.phi);
    const bits = new Uint32Array(phi.buffer);
    // of the mantissa: the number stays finite, and is another one
    const bit = 12 + Math.floor(this.#random() * 10);
    bits[Math.floor(this.#random() * bits.length)]! ^= 1 << bit;
    return super.computeWindows({ ...task, phi });
  }
}

interface Setup {
  workers: number;
  share?: number;
  /** Which worker computes wrongly. */
  faulty?: string;
  bus?: GatedBus;
  observer?: RunObserver;
  lines?: Lines;
}

/** Trains the small run; returns the sha256 of what last.safetensors would hold. */
async function train(test: TestContext, setup: Setup): Promise<string> {
  const { workers, share = ALL_LEAVES, faulty, bus = new GatedBus(), observer = {}, lines = new Lines() } = setup;
  const folder = temporaryFolder(test);
  const { config } = await smallRun();
  const journal = new FileJournal(join(folder, 'journal'));
  const logger = lines;
  const pools: Pool[] = [];
  const all: Worker[] = [];
  for (let i = 0; i < workers; i++) {
    const id = `w${i}`;
    const pool = id === faulty ? new FaultyPool(1) : new Pool(1);
    pools.push(pool);
    await pool.fingerprint({ digest: digestOf(config), config });
    all.push(new Worker({ id, bus, pool, history: journal, logger }));
  }
  const coordinator = new Coordinator({
    run: 'test',
    config,
    digest: digestOf(config),
    bus,
    journal,
    checkpoints: new Checkpoints(new FolderBlobs(join(folder, 'checkpoints'))),
    phi: startOf(config),
    goal: { rounds: SMALL_ROUNDS },
    logger,
    doubledShare: share,
    observer,
  });
  try {
    const { state } = await coordinator.run();
    return sha256(encodePhi(config.architecture, new Float32Array(state.phi)));
  } finally {
    for (const worker of all) worker.abandon();
    for (const pool of pools) await pool.close();
    await bus.close();
    await journal.close();
  }
}

/** Whether a message is a result of this worker from the faulty round on. */
function isLateResult(worker: string) {
  return (message: ToCoordinator) =>
    message.type === 'result' && message.worker === worker && message.round >= FAULTY_FROM;
}

/** A share at which every shard is drawn, and rounds do not wait for copies. */
const ALL_LEAVES = 1 - 2 ** -40;

describe('shards that two workers compute', () => {
  let expected = '';

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder, { threads: 1 }));
  });

  for (const workers of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`leave the bits as they are with ${workers} worker${workers === 1 ? '' : 's'}`, async (test) => {
      let compared = 0;
      const observer: RunObserver = {
        round(_record, { duplicates }) {
          compared += duplicates;
        },
      };
      assert.equal(await train(test, { workers, share: 0.3, observer }), expected);
      assert.equal(compared > 0, workers > 1, `${compared} were compared`);
    });
  }

  it('show which of three workers computes wrongly: it is banned by name, and φ keeps its bits', async (test) => {
    const bus = new GatedBus();
    const lines = new Lines();
    const banned: [string, number][] = [];
    // the round stays open until it is found out
    bus.holds = isLateResult('w2');
    const observer: RunObserver = {
      banned(worker, round) {
        banned.push([worker, round]);
        bus.release();
      },
    };
    assert.equal(await train(test, { workers: 3, faulty: 'w1', bus, observer, lines }), expected);
    assert.deepEqual(banned, [['w1', FAULTY_FROM]]);
    const said = lines.lines.join('\n');
    assert.match(said, /workers w\d and w\d sent other bits for node 0\/\d+; worker w\d decides/);
    assert.match(
      said,
      /Worker w1 is banned from the run: it computes other bits than others do: those of node 0\/\d+ in round 17/,
    );
  });

  it('are all of them if everything is computed twice: no round is closed before, and who lies is banned', async (test) => {
    const banned: string[] = [];
    let compared = 0;
    const observer: RunObserver = {
      banned: (worker) => void banned.push(worker),
      round({ round }, { duplicates }) {
        compared += duplicates;
        assert.ok(compared >= round, 'a round must wait for its copies');
      },
    };
    assert.equal(await train(test, { workers: 2, share: 1, observer }), expected);
    assert.deepEqual(banned, []);
    compared = 0;
    assert.equal(await train(test, { workers: 3, share: 1, faulty: 'w1', observer }), expected);
    assert.deepEqual(banned, ['w1']);
  });

  it('stop the run where there is no third worker to decide', async (test) => {
    const bus = new GatedBus();
    bus.holds = isLateResult('w1');
    await assert.rejects(train(test, { workers: 2, faulty: 'w0', bus }), (error) => {
      assert.ok(error instanceof InconsistencyError);
      assert.match(
        error.message,
        /^Cannot go on with round 17: workers w[01] and w[01] sent other bits for node 0\/\d+, and there is no third one to decide$/,
      );
      return true;
    });
  });

  it('stop the run where a copy differs after its round is closed', async (test) => {
    const bus = new GatedBus();
    // without the copies nobody contradicts while the round is open
    bus.holds = (message) => message.type === 'vote' && message.round >= FAULTY_FROM;
    const observer: RunObserver = {
      round({ round }) {
        if (round === FAULTY_FROM) bus.release();
      },
    };
    await assert.rejects(train(test, { workers: 3, faulty: 'w1', bus, observer }), (error) => {
      assert.ok(error instanceof InconsistencyError);
      assert.match(
        error.message,
        /^Cannot go on after round 17: workers w\d and w\d sent other bits for node 0\/\d+; --resume --from-round 16 goes back to before it$/,
      );
      return true;
    });
  });
});
