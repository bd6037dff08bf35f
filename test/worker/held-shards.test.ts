import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JournalError } from '../../shared/errors.js';
import { silentLogger } from '../../shared/logger.js';
import { timelineAt } from '../../shared/timeline.js';
import { HeldShards, type HeldShardsOptions } from '../../worker/held-shards.js';
import { ThreadLostError } from '../../worker/pool.js';
import { nodeOf, phiOf } from '../fixtures/played-worker.js';
import { runConfig } from '../fixtures/run-config.js';
import { jobsOf, ScriptedPool } from '../fixtures/scripted-pool.js';

/** Three windows an episode. */
const CONFIG = runConfig({ shards: 8, horizon: 9, unroll: 3 });

/** Shards held, and the pool that computes them. */
function holding(options: Partial<HeldShardsOptions> = {}, threads = 1) {
  const pool = new ScriptedPool(threads);
  const history = { phi: async (round: number) => phiOf(round) };
  const held = new HeldShards({ pool, history, logger: silentLogger, isOver: () => false, ...options });
  const compute = (round: number, shards: readonly number[]) => {
    const session = { digest: 'd', config: CONFIG };
    return held.compute({ session, timeline: timelineAt(CONFIG, []), round, phi: phiOf(round - 1), shards });
  };
  const newest = () => jobsOf(pool.tasks.at(-1)!);
  return { pool, held, compute, newest };
}

describe('HeldShards', () => {
  it('begins each episode anew, and goes on with the states within', async () => {
    const { compute, newest } = holding();
    await compute(1, [2, 3]);
    assert.deepEqual(newest(), ['2: begins', '3: begins']);
    await compute(2, [2, 3]);
    assert.deepEqual(newest(), ['2: 2 after φ 0', '3: 3 after φ 0']);
    await compute(3, [2, 3]);
    assert.deepEqual(newest(), ['2: 2 after φ 1', '3: 3 after φ 1']);
    await compute(4, [2, 3]);
    assert.deepEqual(newest(), ['2: begins', '3: begins']);
  });

  it('replays a shard of which it has not the state of the round before, under the φ of each round', async () => {
    const { compute, held, newest } = holding();
    await compute(4, [2]);
    await compute(6, [2, 3]);
    assert.deepEqual(newest(), ['2: replays φ 3,4', '3: replays φ 3,4']);
    const { nodes, replayed } = await compute(5, [7]);
    assert.deepEqual(newest(), ['7: replays φ 3']);
    assert.deepEqual([nodes, replayed], [[nodeOf(7, 5)], 1]);
    await compute(4, [2, 3]);
    held.keepOnly([3]);
    await compute(5, [2, 3]);
    assert.deepEqual(newest(), ['2: replays φ 3', '3: 3 after φ 3']);
  });

  it('adds up what several threads compute of a round', async () => {
    const { compute, pool } = holding({}, 3);
    const { nodes } = await compute(1, [0, 1, 2, 3]);
    assert.deepEqual(pool.tasks.map(jobsOf), [['0: begins'], ['1: begins'], ['2: begins', '3: begins']]);
    assert.deepEqual(
      nodes.map(({ level, index, healthy }) => ({ level, index, healthy })),
      [{ level: 2, index: 0, healthy: 8 }],
    );
  });

  it('replays what a lost thread held', async () => {
    const { compute, pool } = holding();
    await compute(1, [2]);
    await compute(2, [2]);
    let losses = 0;
    pool.before = async () => {
      losses += 1;
      if (losses <= 2) throw new ThreadLostError('it is gone');
    };
    await compute(3, [2]);
    const [, , ...tries] = pool.tasks.map((task) => jobsOf(task)[0]);
    assert.deepEqual(tries, ['2: 2 after φ 1', '2: replays φ 0,1', '2: replays φ 0,1']);
  });

  it('gives up after twenty lost threads in a row, if nobody waits, or if the work itself fails', async () => {
    const triesUntil = async (error: Error, isOver: boolean) => {
      const { compute, pool } = holding({ isOver: () => isOver });
      pool.before = () => Promise.reject(error);
      await assert.rejects(compute(1, [2]), error);
      return pool.tasks.length;
    };
    assert.equal(await triesUntil(new ThreadLostError('it is gone'), false), 21);
    assert.equal(await triesUntil(new ThreadLostError('it is gone'), true), 1);
    assert.equal(await triesUntil(new Error('it cannot be computed'), false), 1);
  });

  it('waits for a φ that is not in the journal yet, unless nobody waits', async () => {
    let asked = 0;
    const late = {
      async phi(round: number): Promise<Float32Array> {
        asked += 1;
        if (asked <= 2) throw new JournalError('it is not there');
        return phiOf(round);
      },
    };
    const { compute, newest } = holding({ history: late });
    await compute(2, [5]);
    assert.deepEqual([newest(), asked], [['5: replays φ 0'], 3]);
    asked = 0;
    const over = holding({ history: late, isOver: () => true });
    await assert.rejects(over.compute(2, [5]), { name: 'JournalError' });
    assert.equal(asked, 1);
  });

  it('lets a single thread keep its shards, if it may, and only those that are still held', async () => {
    const residentsOf = async (options: Partial<HeldShardsOptions>, threads: number) => {
      const { compute, held, pool } = holding(options, threads);
      await compute(1, [2, 3]);
      await compute(1, [4]);
      held.keepOnly([3, 4]);
      await compute(2, [4]);
      return pool.tasks.map(({ residents }) => residents && [...residents]);
    };
    assert.deepEqual(await residentsOf({ resident: true }, 1), [
      [2, 3],
      [2, 3, 4],
      [3, 4],
    ]);
    assert.deepEqual(new Set(await residentsOf({ resident: true }, 2)), new Set([undefined]));
    assert.deepEqual(new Set(await residentsOf({}, 1)), new Set([undefined]));
  });
});
