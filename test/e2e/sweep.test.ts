/** `lopt sweep` as a process: the same bits however it is computed, interrupted and killed. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, test } from 'node:test';
import { loptHere } from '../fixtures/command-line.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { writeSweep } from '../fixtures/sweep-file.js';
import { logOf, phisOf, progressOf } from '../fixtures/sweep-results.js';
import { CLI, lopt, seededRandom, sha256OfFile, startProcess } from './harness.js';

/** Sweeps to the end; returns what it printed. */
async function sweep(file: string, out: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await lopt(['sweep', file, '--out', out, ...words]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Starts a sweep again and again, and ends it by the signal after seeded amounts of progress, until it is done. */
async function sweepDisturbed(file: string, out: string, signal: NodeJS.Signals, seed: number): Promise<number> {
  const random = seededRandom(seed);
  for (let disturbances = 0; ; disturbances++) {
    const begun = existsSync(join(out, 'sweep.json'));
    const words = begun ? ['--resume', '--out', out] : [file, '--out', out];
    const { child, ended } = startProcess([CLI, 'sweep', ...words, '--threads', '2']);
    const until = progressOf(out) + 500 + 12_000 * random();
    let running = true;
    void ended.then(() => {
      running = false;
    });
    while (running && progressOf(out) < until) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill(signal);
    const { code, stderr, stdout } = await ended;
    if (code === 0) return disturbances;
    assert.ok(signal === 'SIGKILL' ? code === null : code === 130, `${code} ${stderr}`);
    if (signal === 'SIGINT') assert.ok(stdout.includes(`resume with: lopt sweep --resume --out ${out}`), stdout);
  }
}

describe('lopt sweep', () => {
  let expected: { phis: Record<string, string>; log: string[]; stdout: string };

  before(async () => {
    expected = await withFolder(async (folder) => {
      const out = join(folder, 'sweep');
      const stdout = await sweep(writeSweep(folder), out, '--threads', '1', '--parallel', '1');
      return { phis: phisOf(out), log: logOf(out), stdout };
    });
    assert.equal(Object.keys(expected.phis).length, 12);
  });

  for (const [threads, parallel] of [
    [2, 4],
    [3, 6],
  ] as const) {
    it(`gives the same trials and decisions with ${threads} threads, ${parallel} at a time`, async (context) => {
      const folder = temporaryFolder(context);
      const out = join(folder, 'sweep');
      await sweep(writeSweep(folder), out, '--threads', String(threads), '--parallel', String(parallel));
      assert.deepEqual(phisOf(out), expected.phis);
      assert.deepEqual(logOf(out), expected.log);
    });
  }

  it('names the best trial, and the command that trains it again', async (context) => {
    const folder = temporaryFolder(context);
    const trial = /the best is trial (\d+), score [\d.]+: learning-rate /.exec(expected.stdout)![1]!;
    const command = /The same bits again: lopt (.*)/.exec(expected.stdout)![1]!;
    const again = join(folder, 'again');
    const ended = await lopt([...command.split(' '), '--out', again]);
    assert.equal(ended.code, 0, ended.stderr);
    for (const name of ['last', 'phi']) {
      const path = join('trials', trial.padStart(4, '0'), `${name}.safetensors`);
      assert.equal(sha256OfFile(join(again, `${name}.safetensors`)), expected.phis[path], name);
    }
  });

  it('loses nothing where it is killed at any moment', async (context) => {
    const folder = temporaryFolder(context);
    const out = join(folder, 'sweep');
    const kills = await sweepDisturbed(writeSweep(folder), out, 'SIGKILL', 3);
    assert.ok(kills >= 3, `${kills}`);
    assert.deepEqual(phisOf(out), expected.phis);
    assert.deepEqual(logOf(out), expected.log);
  });

  it('finishes its rounds at Ctrl-C, and goes on', async (context) => {
    const folder = temporaryFolder(context);
    const out = join(folder, 'sweep');
    const stops = await sweepDisturbed(writeSweep(folder), out, 'SIGINT', 4);
    assert.ok(stops >= 2, `${stops}`);
    assert.deepEqual(phisOf(out), expected.phis);
  });

  it('leaves folders of trials that lopt report and lopt train --resume take', async (context) => {
    const folder = temporaryFolder(context);
    const out = join(folder, 'sweep');
    await sweep(writeSweep(folder, { run_cap: 2 }), out);
    const trial = join(out, 'trials', '0001');
    const reported = await lopt(['report', trial]);
    assert.equal(reported.code, 0, reported.stderr);
    assert.ok(existsSync(join(trial, 'report.html')));
    const resumed = await lopt(['train', '--resume', '--out', trial]);
    assert.equal(resumed.code, 0, resumed.stderr);
  });
});

test('population-based training gives the same bits, killed or not', async (context) => {
  const changes = { run_cap: 4, rounds: 24, scheduler: { type: 'pbt', every: 6, truncation: 0.3 } };
  const folder = temporaryFolder(context);
  const file = writeSweep(folder, changes);
  const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
  await sweep(file, whole, '--threads', '1', '--parallel', '1');
  const forks = readdirSync(join(whole, 'trials')).filter((name) => name.includes('-'));
  assert.ok(forks.length > 0);
  const fork = join(whole, 'trials', forks[0]!);
  assert.equal((await lopt(['report', fork])).code, 0);
  const refused = await lopt(['train', '--resume', '--out', fork]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /begins with another trial's state; lopt sweep --resume goes on with it$/m);
  assert.ok((await sweepDisturbed(file, killed, 'SIGKILL', 5)) >= 2);
  assert.deepEqual(phisOf(killed), phisOf(whole));
  assert.deepEqual(logOf(killed), logOf(whole));
});

test('lopt sweep says what is wrong in a sentence', async (context) => {
  const folder = temporaryFolder(context);
  const file = writeSweep(folder, { run_cap: 1, rounds: 1, scheduler: undefined });
  const out = join(folder, 'sweep');
  await sweep(file, out, '--threads', '1');
  const other = join(folder, 'other.yaml');
  // a folder stays locked until the end of the process
  const says = async (words: readonly string[], code: number, sentence: RegExp, locks = false) => {
    const ended = await (locks ? lopt : loptHere)(['sweep', ...words], folder);
    assert.match(ended.stderr, sentence);
    assert.equal(ended.code, code, ended.stderr);
    assert.equal(ended.stderr.trim().split('\n').length, 1);
  };
  await says([], 2, /^Cannot sweep: a sweep's file must be named, or --resume with --out/);
  await says([file, '--out', out], 2, /it holds a sweep already; add --resume to continue it, or name another/);
  await says(['--resume', '--out', folder], 2, /it must hold a sweep, but has no sweep.json/);
  await says(['--resume', '--out', out, '--seed', '9'], 2, /"seed" must stay 5, got 9/, true);
  await says([other], 1, /there is no such file/);
});

test('a trial whose flags make no configuration together has no value, and the others go on', async (context) => {
  const folder = temporaryFolder(context);
  const file = writeSweep(folder, {
    method: 'grid',
    run_cap: undefined,
    rounds: 3,
    scheduler: undefined,
    parameters: { 'second-derivatives': { values: [true, false] }, preprocessing: { value: 'both' } },
  });
  const out = join(folder, 'sweep');
  const stdout = await sweep(file, out, '--threads', '1');
  assert.match(stdout, /^Swept 2 trials in .*; the best is trial 1, score /m);
  assert.deepEqual(readdirSync(join(out, 'trials')), ['0001']);
  const why = 'Cannot sweep, trial 0: "preprocessing" must not be both with second derivatives';
  assert.ok(logOf(out).some((line) => line.includes(JSON.stringify(why))));
});
