import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { SMALL_ROUNDS, trainSmall, trainTerminated } from './harness.js';

/** Staggered episodes of all lengths, scored by their least losses. */
const FLAGS = { horizon: '10..40', 'meta-loss': 'minimum', 'scale-coordinates': 1, 'learning-rate': 0.1 };

for (const estimator of ['es', 'pes', 'nres']) {
  const flags = { ...FLAGS, estimator };

  describe(`a run with --estimator ${estimator} gives the same φ to the last bit`, () => {
    let expected = '';

    before(async () => {
      expected = await withFolder((folder) => trainSmall(folder, { threads: 1 }, flags));
    });

    it('with 3 threads that are terminated at random moments, whose shards are replayed', async (context) => {
      const { hash, replayed } = await trainTerminated(temporaryFolder(context), flags, 0.2);
      assert.equal(hash, expected);
      assert.ok(replayed > 0, 'nothing was replayed');
    });

    it('interrupted after some rounds and resumed', async (context) => {
      const folder = temporaryFolder(context);
      let hash = '';
      for (const until of [11, 26, SMALL_ROUNDS]) {
        const stop = new AbortController();
        const observer = {
          round({ round }: { round: number }) {
            if (round >= until) stop.abort();
          },
        };
        hash = await trainSmall(folder, { signal: stop.signal, observer }, flags);
      }
      assert.equal(hash, expected);
    });
  });
}
