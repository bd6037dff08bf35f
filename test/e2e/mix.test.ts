import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { configure } from '../../deploy/run/train-flags.js';
import type { RunConfig } from '../../shared/config.js';
import { deriveKey } from '../../shared/random.js';
import type { Pool } from '../../worker/pool.js';
import type { Problems } from '../../worker/problems/problem.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { SMALL_ROUNDS, SMALL_SHAPE, trainConfig } from './harness.js';

const FLAGS = {
  ...SMALL_SHAPE,
  'problem.families': 'quadratic=2,rastrigin=1',
  'problem.quadratic.dimension': 3,
  'problem.rastrigin.dimension': 5,
};

/** Rounds of a run whose threads are terminated, one at every round until a shard was replayed. */
const LONG_ROUNDS = 300;

let config: RunConfig;
let problems: Problems;
/** φ of the undisturbed run, by one thread. */
let expected = '';

describe('a run of 13 shards of a mix gives the same φ to the last bit', () => {
  before(async () => {
    ({ config, problems } = await configure('Cannot test', 'mix', FLAGS));
    expected = await withFolder((folder) => trainConfig(folder, config, { threads: 1 }));
  });

  it('of which most rounds have shards of both families', () => {
    const { seed, member, shards } = config;
    const episodes = Array.from({ length: 9 }, (_, episode) => {
      const keys = Array.from({ length: shards }, (_shard, shard) =>
        deriveKey({ seed, member, shard, episode, purpose: 'train' }),
      );
      return new Set(keys.map((key) => problems.mixture!.pick(key))).size;
    });
    assert.ok(episodes.filter((families) => families === 2).length > 6, `${episodes}`);
  });

  for (const threads of [2, 3]) {
    it(`with ${threads} threads`, async (context) => {
      assert.equal(await trainConfig(temporaryFolder(context), config, { threads }), expected);
    });
  }

  it('and another one with other weights', async (context) => {
    const other = await configure('Cannot test', 'mix', { ...FLAGS, 'problem.families': 'quadratic=1,rastrigin=2' });
    assert.notEqual(await trainConfig(temporaryFolder(context), other.config), expected);
  });

  it('with a thread lost and its shards replayed', async (context) => {
    const goal = { rounds: LONG_ROUNDS };
    const undisturbed = await trainConfig(temporaryFolder(context), config, { threads: 1, goal });
    let pool: Pool | undefined;
    let replayed = 0;
    const hash = await trainConfig(temporaryFolder(context), config, {
      threads: 3,
      goal,
      onPool(created) {
        pool = created;
      },
      observer: {
        round({ round }, measures) {
          replayed += measures.replayed;
          if (replayed === 0) void pool!.terminateThread(round);
        },
      },
    });
    assert.equal(hash, undisturbed);
    assert.ok(pool!.lost > 0 && replayed > 0, `${pool!.lost} threads lost, ${replayed} windows replayed`);
  });

  it('interrupted within an episode and resumed', async (context) => {
    const folder = temporaryFolder(context);
    for (const until of [4, 18, SMALL_ROUNDS]) {
      const stop = new AbortController();
      const hash = await trainConfig(folder, config, {
        signal: stop.signal,
        observer: {
          round({ round }) {
            if (round >= until) stop.abort();
          },
        },
      });
      if (until === SMALL_ROUNDS) assert.equal(hash, expected);
    }
  });
});
