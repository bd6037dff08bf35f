/** Many members on one pool: each has the bits that it would have alone. */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { RunFolder } from '../../deploy/run/run-folder.js';
import type { Segment } from '../../deploy/sweep/segment.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { hashesOf, runTrials, SWEEP_SEED, trialOf, withRunner } from '../fixtures/small-sweep.js';
import { lopt, reportedIn, SMALL_FLAGS, SMALL_ROUNDS, seededRandom, sha256OfFile, wordsOf } from './harness.js';

const TRIALS = [0, 1, 2, 3, 4];

function allHashes(out: string): string[][] {
  return TRIALS.map((trial) => hashesOf(out, { trial, fork: 0 }));
}

describe('the members of a sweep', () => {
  /** Of every trial, run by itself and in one go. */
  let alone: string[][];

  before(async () => {
    alone = await withFolder(async (out) => {
      await withRunner(out, 1, (runner) => runTrials(runner, TRIALS, [SMALL_ROUNDS], 1));
      return allHashes(out);
    });
    assert.equal(new Set(alone.map(([last]) => last)).size, TRIALS.length);
  });

  for (const [threads, parallel] of [
    [1, 5],
    [2, 1],
    [2, 4],
    [3, 4],
  ] as const) {
    it(`have the same φ with ${threads} threads, ${parallel} at a time, paused on the way`, async (context) => {
      const out = temporaryFolder(context);
      await withRunner(out, threads, (runner) => runTrials(runner, TRIALS, [6, 20, SMALL_ROUNDS], parallel));
      assert.deepEqual(allHashes(out), alone);
    });
  }

  it('have the φ of lopt train with their seed, member and flags', async (context) => {
    const folder = join(temporaryFolder(context), 'run');
    const flags = { ...SMALL_FLAGS, shards: 3, seed: SWEEP_SEED, member: 2, 'learning-rate': 0.006 };
    const ended = await lopt(['train', ...wordsOf({ ...flags, rounds: SMALL_ROUNDS }), '--out', folder]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(
      ['last', 'phi'].map((name) => sha256OfFile(join(folder, `${name}.safetensors`))),
      alone[2],
    );
  });

  it('go on from where they were interrupted, with every row once', async (context) => {
    const out = temporaryFolder(context);
    const random = seededRandom(5);
    let interruptions = 0;
    for (let done = false; !done; ) {
      const stop = new AbortController();
      const most = 8 + Math.floor(40 * random());
      let rounds = 0;
      const observe = () => ({
        round: () => {
          rounds += 1;
          if (rounds > most) stop.abort();
        },
      });
      const work = async (runner: Parameters<Parameters<typeof withRunner>[2]>[0]) => {
        const reports = await Promise.all(TRIALS.map((trial) => runner.runTo(trialOf(trial), SMALL_ROUNDS)));
        return reports.every(({ interrupted }) => !interrupted);
      };
      done = await withRunner(out, 2, work, { observe, signal: stop.signal });
      if (!done) interruptions += 1;
    }
    assert.deepEqual(allHashes(out), alone);
    assert.ok(interruptions > 2, `${interruptions}`);
    const { rounds } = reportedIn(join(out, 'trials', '0003')).metrics;
    assert.deepEqual(
      rounds,
      Array.from({ length: SMALL_ROUNDS }, (_, index) => index + 1),
    );
  });

  it('report the evaluation of the round that they were to run to, also where they went further', async (context) => {
    const out = temporaryFolder(context);
    await withRunner(out, 2, async (runner) => {
      const [first, again] = [await runner.runTo(trialOf(1), 7), await runner.runTo(trialOf(1), 7)];
      await runner.runTo(trialOf(1), 20);
      const later = await runner.runTo(trialOf(1), 7);
      const evaluations = first.rows.filter((row) => 'evaluation' in row);
      assert.deepEqual(
        evaluations.map(({ evaluation }) => evaluation),
        [0, 7],
      );
      assert.deepEqual(again, first);
      assert.deepEqual(later, first);
    });
  });

  it('are refused a folder of another sweep', async (context) => {
    const out = temporaryFolder(context);
    await withRunner(out, 1, (runner) => runner.runTo(trialOf(0), 3));
    await assert.rejects(
      withRunner(out, 1, (runner) => runner.runTo({ ...trialOf(0), flags: { clip: 2 } }, 3)),
      { name: 'UsageError', message: /^Cannot continue .*0000: it must hold trial 0 of this sweep$/ },
    );
  });
});

describe('a fork', () => {
  const CHILD: Segment = {
    trial: 1,
    fork: 1,
    flags: { 'learning-rate': 0.02, clip: 0.5 },
    from: { trial: 0, fork: 0, round: 12 },
  };

  it('has the same bits whenever it is run, and however often it pauses', async (context) => {
    const out = temporaryFolder(context);
    const forks = { forks: true };
    await withRunner(out, 2, (runner) => runner.runTo(trialOf(0), 12), forks);
    await withRunner(out, 1, (runner) => runner.runTo(CHILD, SMALL_ROUNDS), forks);
    const [once, digest] = [hashesOf(out, CHILD), new RunFolder(join(out, 'trials', '0001-1')).open().digest];
    rmSync(join(out, 'trials', '0001-1'), { recursive: true });
    // the parent is further by now
    const work = async (runner: Parameters<Parameters<typeof withRunner>[2]>[0]) => {
      await Promise.all([runner.runTo(CHILD, 13), runner.runTo(trialOf(0), SMALL_ROUNDS)]);
      return runner.runTo(CHILD, SMALL_ROUNDS);
    };
    const { rows } = await withRunner(out, 2, work, forks);
    assert.deepEqual(hashesOf(out, CHILD), once);
    assert.notDeepEqual(hashesOf(out, { trial: 0, fork: 0 }), once);
    assert.equal(new RunFolder(join(out, 'trials', '0001-1')).open().digest, digest);
    const rounds = rows.flatMap((row) => ('evaluation' in row ? [] : row.round));
    assert.deepEqual([rounds[0], rounds.length], [13, SMALL_ROUNDS - 12]);
  });

  it('has another digest from another state, and goes on with the learning rates of the whole plan', async (context) => {
    const out = temporaryFolder(context);
    await withRunner(
      out,
      2,
      async (runner) => {
        await runner.runTo(trialOf(0), 12);
        await runner.runTo(trialOf(0), 30);
        const early = await runner.configOf(CHILD);
        const late = await runner.configOf({ ...CHILD, from: { trial: 0, fork: 0, round: 30 } });
        assert.equal(early.start!.round, 12);
        assert.equal(late.start!.digest, early.start!.digest);
        assert.notEqual(late.start!.state, early.start!.state);
        const { rows } = await runner.runTo({ ...CHILD, flags: trialOf(0).flags }, 30);
        const parent = await runner.runTo(trialOf(0), 30);
        const ratesOf = ({ rows }: typeof parent) => {
          return rows.flatMap((row) => ('evaluation' in row || row.round <= 12 ? [] : row.learningRate));
        };
        assert.deepEqual(ratesOf({ ...parent, rows }), ratesOf(parent));
      },
      { forks: true },
    );
  });

  it('needs a state that was kept', async (context) => {
    const out = temporaryFolder(context);
    await withRunner(out, 1, (runner) => runner.runTo(trialOf(0), 12));
    await assert.rejects(
      withRunner(out, 1, (runner) => runner.runTo(CHILD, 20)),
      {
        name: 'FileError',
        message: /^Cannot read the state of a run from .*state-000000000012.bin: there is no such file$/,
      },
    );
    assert.equal(existsSync(join(out, 'trials', '0001-1')), false);
  });
});
