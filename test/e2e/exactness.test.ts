import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Pool } from '../../worker/pool.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import {
  CLI,
  lopt,
  reaches,
  reportedIn,
  reportInto,
  SMALL_FLAGS,
  SMALL_ROUNDS,
  seededRandom,
  sha256OfFile,
  smallRun,
  startProcess,
  trainSmall,
  upTo,
  wordsOf,
} from './harness.js';

const CRASHING = fileURLToPath(new URL('./crashing-run.js', import.meta.url));

/** Rounds of a run that is disturbed while it goes on: more than any machine does before it is. */
const LONG_ROUNDS = 900;

const WORDS = ['train', 'quadratic', ...wordsOf(SMALL_FLAGS)];

/** φ of the undisturbed run, by one thread. */
let expected = '';

describe('a run of 13 shards gives the same φ to the last bit', () => {
  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder, { threads: 1 }));
  });

  for (const threads of [2, 3, 8]) {
    it(`with ${threads} threads`, async (context) => {
      assert.equal(await trainSmall(temporaryFolder(context), { threads }), expected);
    });
  }

  it('and another one with another seed', async (context) => {
    assert.notEqual(await trainSmall(temporaryFolder(context), {}, { seed: 1 }), expected);
  });

  it('with threads terminated at random moments', async (context) => {
    const goal = { rounds: LONG_ROUNDS };
    const undisturbed = await trainSmall(temporaryFolder(context), { threads: 1, goal });
    const random = seededRandom(7);
    let pool: Pool | undefined;
    const hash = await trainSmall(temporaryFolder(context), {
      threads: 3,
      goal,
      onPool(created) {
        pool = created;
      },
      observer: {
        // the next round's windows are being computed by now; a thread that only just started may be hit as well
        round() {
          if (random() < 0.03) void pool!.terminateThread(Math.floor(random() * 3));
        },
      },
    });
    assert.equal(hash, undisturbed);
    assert.ok(pool!.lost > 0, 'no thread was terminated while it computed');
  });

  it('interrupted after any round and resumed', async (context) => {
    const folder = temporaryFolder(context);
    // each attempt ends after some rounds more, until the run is done
    const random = seededRandom(3);
    let hash = '';
    let attempts = 0;
    for (let round = 0; round < SMALL_ROUNDS; attempts++) {
      const stop = new AbortController();
      const until = round + 1 + Math.floor(random() * 12);
      hash = await trainSmall(folder, {
        signal: stop.signal,
        observer: {
          round(record) {
            round = record.round;
            if (round >= until) stop.abort();
          },
        },
      });
    }
    assert.equal(hash, expected);
    assert.ok(attempts > 3);
  });

  // a step of the coordinator at which the process kills itself with SIGKILL
  for (const step of [
    'before-append',
    'after-append',
    'half-append',
    'after-broadcast',
    'before-checkpoint',
    'after-checkpoint',
  ]) {
    it(`killed at step ${step}, at several rounds, and resumed`, async (context) => {
      const folder = temporaryFolder(context);
      for (const round of [1, 6, 17, 30]) {
        const { signal, stderr } = await startProcess([CRASHING, folder, step, String(round)]).ended;
        assert.equal(signal, 'SIGKILL', stderr);
      }
      const report = reportInto(folder, (await smallRun()).config);
      assert.equal(await trainSmall(folder, { observer: report }), expected);
      report.close();
      const reported = { rounds: upTo(SMALL_ROUNDS), evaluations: [0, 9, 18, 27, 36, SMALL_ROUNDS] };
      assert.deepEqual(reportedIn(folder), { metrics: reported, events: reported });
    });
  }

  it('killed at random moments and resumed, from the command line', async (context) => {
    // many rounds, and each moment told by the rounds that stand in the metrics, not by the clock: a fast
    // machine would be done before a timer fires
    const goal = { rounds: LONG_ROUNDS };
    const undisturbed = await trainSmall(temporaryFolder(context), { threads: 1, goal });
    const folder = join(temporaryFolder(context), 'run');
    const random = seededRandom(11);
    let args = [...WORDS, '--rounds', String(LONG_ROUNDS), '--out', folder, '--threads', '2'];
    for (let attempt = 0, round = 0; attempt < 5; attempt++) {
      const { child, ended, printed } = startProcess([CLI, ...args]);
      await printed('Training φ');
      round += Math.floor(random() * 100);
      await reaches(child, join(folder, 'metrics.jsonl'), round);
      await new Promise((resolve) => setTimeout(resolve, random() * 30));
      child.kill('SIGKILL');
      assert.equal((await ended).signal, 'SIGKILL');
      args = ['train', '--resume', '--out', folder, '--threads', String(1 + (attempt % 3))];
    }
    const { code, stderr } = await lopt(args);
    assert.equal(code, 0, stderr);
    assert.equal(sha256OfFile(join(folder, 'last.safetensors')), undisturbed);
    const reported = { rounds: upTo(LONG_ROUNDS), evaluations: upTo(LONG_ROUNDS / 9, 0).map((index) => 9 * index) };
    assert.deepEqual(reportedIn(folder), { metrics: reported, events: reported });
  });

  it('ended by Ctrl-C with exit code 130, and resumed', async (context) => {
    const folder = join(temporaryFolder(context), 'run');
    const { child, ended, printed } = startProcess([
      CLI,
      ...WORDS,
      '--seconds',
      '600',
      '--out',
      folder,
      '--threads',
      '2',
    ]);
    await printed('round ');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    assert.equal(code, 130, stdout);
    assert.match(stdout, /resume with: lopt train --resume --out /);
  });
});

test('a run by --seconds has the bits of the --rounds command that it prints', async (context) => {
  const folder = temporaryFolder(context);
  const flags = { ...SMALL_FLAGS, shards: 3 };
  const timed = await lopt(['train', 'quadratic', ...wordsOf(flags), '--seconds', '4', '--out', join(folder, 'timed')]);
  assert.equal(timed.code, 0, timed.stderr);
  const command = /The same bits again: lopt (.*)/.exec(timed.stdout)![1]!;
  assert.match(command, /--rounds \d+$/);
  const repeated = await lopt([...command.split(' '), '--out', join(folder, 'repeated'), '--threads', '1']);
  assert.equal(repeated.code, 0, repeated.stderr);
  for (const name of ['last.safetensors', 'phi.safetensors']) {
    assert.equal(sha256OfFile(join(folder, 'repeated', name)), sha256OfFile(join(folder, 'timed', name)), name);
  }
});

test('--resume with more rounds goes on without changing what was planned', async (context) => {
  const folder = temporaryFolder(context);
  const flags = wordsOf({ ...SMALL_FLAGS, shards: 2 });
  const out = join(folder, 'run');
  assert.equal((await lopt(['train', 'quadratic', ...flags, '--rounds', '20', '--out', out])).code, 0);
  assert.equal((await lopt(['train', '--resume', '--rounds', '26', '--out', out])).code, 0);
  const rates = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { round?: number; learningRate: number })
    .filter(({ round }) => round !== undefined);
  assert.equal(rates.length, 26);
  for (const { round, learningRate } of rates) {
    if (round! >= 20) assert.equal(learningRate, rates[19]!.learningRate);
    if (round! > 6 && round! < 20) assert.ok(learningRate > rates[19]!.learningRate);
  }
});
