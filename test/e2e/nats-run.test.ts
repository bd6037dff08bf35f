/** Whole runs over a real nats-server: the same φ as the embedded run's, to the last bit. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { CoordinatorOptions } from '../../coordinator/coordinator.js';
import { UsageError } from '../../shared/errors.js';
import { withFolder } from '../fixtures/folder.js';
import { startServer, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { trainSmall } from './harness.js';
import { coordinate, startWorker } from './nats-cluster.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

describe('a run over NATS', { skip: WITHOUT_NATS }, () => {
  let expected: string;

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder));
  });

  for (const workers of [1, 3]) {
    it(`gives the φ of the embedded run with ${workers === 1 ? 'one worker' : `${workers} workers`}`, async (test) => {
      for (let i = 0; i < workers; i++) await startWorker(test, server!, `w${i}`);
      assert.equal(await coordinate(test, server!, `whole-${workers}`), expected);
    });
  }

  it('goes back to an earlier round with the workers that were there, and ends with the same φ', async (test) => {
    for (const id of ['back-a', 'back-b']) await startWorker(test, server!, id);
    assert.equal(await coordinate(test, server!, 'back'), expected);
    // 20 begins an episode, 17 is within one, and 41 is one that the workers have kept
    for (const fromRound of [0, 17, 20, 41]) {
      const started: number[] = [];
      const observer: CoordinatorOptions['observer'] = { started: (round) => started.push(round) };
      assert.equal(await coordinate(test, server!, 'back', { fromRound, observer }), expected, `from ${fromRound}`);
      assert.deepEqual(started, [fromRound]);
    }
    await assert.rejects(coordinate(test, server!, 'back', { fromRound: 44 }), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(
        error.message,
        'Cannot go back to round 44: it must be of rounds 41 to 43, which the run can be recovered at',
      );
      return true;
    });
  });

  it('begins anew on a server that lost its store, with the workers that were there', async (test) => {
    const own = await startServer(test);
    for (const id of ['a', 'b']) await startWorker(test, own, id);
    const rounds: number[] = [];
    // the run comes to its third term, far beyond the round at which it will begin again
    for (const last of [15, 25, 35]) {
      const stop = new AbortController();
      const observer: CoordinatorOptions['observer'] = {
        round: ({ round }) => {
          rounds.push(round);
          if (round === last) stop.abort();
        },
      };
      await coordinate(test, own, 'wiped', { signal: stop.signal, observer });
    }
    assert.ok(rounds.at(-1)! >= 35);
    await own.kill();
    rmSync(own.store, { recursive: true });
    await own.start();
    const started: number[] = [];
    const observer: CoordinatorOptions['observer'] = { started: (round, term) => started.push(round, term) };
    assert.equal(await coordinate(test, own, 'wiped', { observer }), expected);
    assert.deepEqual(started, [0, 1]);
  });

  it('goes on where another coordinator left it, from its checkpoint and journal on the server', async (test) => {
    const stop = new AbortController();
    const rounds: number[] = [];
    const observer: CoordinatorOptions['observer'] = {
      started: (round, term) => rounds.push(round, term),
      round: ({ round }) => {
        if (round === 20) stop.abort();
      },
    };
    for (const id of ['a', 'b']) await startWorker(test, server!, id);
    await coordinate(test, server!, 'resumed', { signal: stop.signal, observer, checkpointSeconds: 0 });
    await startWorker(test, server!, 'c');
    assert.equal(await coordinate(test, server!, 'resumed', { observer }), expected);
    assert.deepEqual([rounds.slice(0, 2), rounds.at(-1)], [[0, 1], 2]);
    assert.ok(rounds[2]! >= 20, `${rounds}`);
  });
});
