/** Whole runs on an engine: the same φ to the last bit, however they were computed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Pool } from '../../worker/pool.js';
import { CLI, lopt, reaches, sha256OfFile, startProcess, trainSmall, wordsOf } from '../e2e/harness.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { WITHOUT_NATS } from '../fixtures/nats-server.js';

/** Windows of 5, 5 and 2 steps; evaluations between them; by the engine's own kernel, which drops second derivatives. */
const FLAGS = {
  shards: 4,
  problems: 2,
  horizon: 12,
  unroll: 5,
  layers: '4',
  'second-derivatives': false,
  'evaluate-every': 5,
  'evaluate-functions': 3,
};
const ROUNDS = 40;

/** What is tested, and what is not. */
export interface EngineRuns {
  engine: string;
  /** Why the engine cannot be tested here. */
  missing?: string | undefined;
  /** Why no thread of it is to be terminated: threads do not end in the middle of a call by themselves. */
  unterminated?: string;
}

/** Runs on an engine. One engine a process: native libraries of two may not bear each other at its end. */
export function testEngineRuns({ engine, missing, unterminated }: EngineRuns): void {
  if (missing !== undefined) {
    it(`a run on engine ${engine} gives the same φ to the last bit`, { skip: missing }, () => {});
    return;
  }
  describe(`a run on engine ${engine} gives the same φ to the last bit`, () => {
    const words = ['quadratic', ...wordsOf({ ...FLAGS, engine, rounds: ROUNDS, 'problem.dimension': 3 })];
    let expected = '';

    it('killed and resumed, from the command line', async (context) => {
      const folder = temporaryFolder(context);
      const whole = await lopt(['train', ...words, '--threads', '1', '--out', join(folder, 'whole')]);
      assert.equal(whole.code, 0, whole.stderr);
      expected = sha256OfFile(join(folder, 'whole', 'last.safetensors'));
      const out = join(folder, 'killed');
      const { child, ended } = startProcess([CLI, 'train', ...words, '--out', out]);
      await reaches(child, join(out, 'metrics.jsonl'), 4);
      child.kill('SIGKILL');
      assert.equal((await ended).signal, 'SIGKILL');
      // the engine is the one of the run, whatever auto is here
      const resumed = await lopt(['train', '--resume', '--out', out, '--engine', 'auto']);
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    });

    it('with a thread terminated, on whose device the shards were', {
      skip: unterminated ?? false,
    }, async (context) => {
      let pool: Pool | undefined;
      const hash = await trainSmall(
        temporaryFolder(context),
        {
          threads: 1,
          goal: { rounds: ROUNDS },
          onPool(created) {
            pool = created;
          },
          observer: {
            round({ round }) {
              if (round === 2 || round === 7) void pool!.terminateThread(0);
            },
          },
        },
        { ...FLAGS, engine },
      );
      assert.ok(pool!.lost >= 2);
      assert.equal(hash, expected);
    });

    it('with 3 workers on a real nats-server', { skip: WITHOUT_NATS }, async (context) => {
      const out = join(temporaryFolder(context), 'up');
      const { code, stderr } = await lopt(['up', ...words, '--workers', '3', '--threads', '1', '--out', out]);
      assert.equal(code, 0, stderr);
      assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    });
  });
}
