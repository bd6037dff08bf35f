/** Runs and files that `lopt` refuses, goes on with, or leaves whole, as real processes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temporaryFolder } from '../fixtures/folder.js';
import { WITHOUT_PROC } from '../fixtures/processes.js';
import { CLI, lopt, SMALL_FLAGS, startProcess, wordsOf } from './harness.js';

describe('a process of lopt ends with the sentence and the exit code of the command line', () => {
  // test/deploy/bad-input.test.ts has all of them, in one process
  const cases: readonly [args: string, code: number, sentence: RegExp][] = [
    ['', 2, /^Cannot run lopt: a command must be given, one of train, [a-z, ]*\n$/],
    ['train --shards', 2, /^Cannot run lopt: Not enough arguments following: shards\n$/],
    ['train --shards 0', 2, /^Cannot train: "shards" must be an integer of at least 1, got 0\n$/],
    ['train --init nowhere', 1, /^Cannot read φ from nowhere: there is no such file\n$/],
    [
      'train --config f.yaml',
      1,
      /^Cannot read flags from f\.yaml: there is no flag "shrads"; did you mean "shards"\?\n$/,
    ],
  ];
  for (const [args, code, sentence] of cases) {
    it(`lopt ${args}`, async (context) => {
      const folder = temporaryFolder(context);
      writeFileSync(join(folder, 'f.yaml'), 'shrads: 3\n');
      const ended = await lopt(args === '' ? [] : args.split(' '), folder);
      assert.match(ended.stderr, sentence);
      assert.deepEqual([ended.stdout, ended.code], ['', code]);
      assert.deepEqual(readdirSync(folder), ['f.yaml']);
    });
  }
});

it('lopt ends with a sentence if it cannot make a folder', { skip: WITHOUT_PROC }, async () => {
  for (const out of ['/proc/none', '/proc/none/below']) {
    const started = startProcess([CLI, 'train', '--rounds', '1', '--out', out]);
    const hangs = setTimeout(() => started.child.kill('SIGKILL'), 60_000);
    const { code, signal, stderr } = await started.ended;
    clearTimeout(hangs);
    assert.deepEqual([code, signal, stderr], [1, null, `Cannot make the folder ${out}: /proc takes no new folders\n`]);
  }
});

it('lopt ends with a sentence if its working directory was deleted', async (context) => {
  const folder = temporaryFolder(context);
  const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"';
  const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, CLI, 'problems'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.deepEqual(
    [status, stderr],
    [1, 'Cannot run lopt: the working directory was deleted; change to one that exists\n'],
  );
});

it('lopt train --config takes flags from a file', async (context) => {
  const folder = temporaryFolder(context);
  writeFileSync(join(folder, 'f.yaml'), 'problem: simple\nrounds: 2\nlayers: [3]\nout: run\n');
  const ended = await lopt(['train', '--config', 'f.yaml', '--problems', '5'], folder);
  assert.equal(ended.code, 0, ended.stderr);
  const { config } = JSON.parse(readFileSync(join(folder, 'run', 'config.json'), 'utf8')) as {
    config: Record<string, unknown>;
  };
  assert.deepEqual([config['problem'], config['problems']], ['simple', 5]);
});

describe('lopt train --resume answers a damaged or different run with one sentence', () => {
  /** A run of a few rounds, with two checkpoints. */
  let trained = '';

  before(async () => {
    trained = mkdtempSync(join(tmpdir(), 'lopt-test-'));
    const args = ['train', 'quadratic', ...wordsOf({ ...SMALL_FLAGS, shards: 2 }), '--rounds', '6', '--out', trained];
    assert.equal((await lopt(args)).code, 0);
    assert.equal((await lopt(['train', '--resume', '--rounds', '9', '--out', trained])).code, 0);
  });
  after(() => rmSync(trained, { recursive: true, force: true }));

  /** A copy of that run, for a test to damage. */
  function shortRun(folder: string): string {
    const out = join(folder, 'run');
    cpSync(trained, out, { recursive: true });
    return out;
  }

  function damage(path: string): void {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 0xff;
    writeFileSync(path, bytes);
  }

  it('a new run into its folder', async (context) => {
    const out = shortRun(temporaryFolder(context));
    const ended = await lopt(['train', '--out', out]);
    const expected = `Cannot train into ${out}: it holds a run already; add --resume to continue it, or name another folder with --out\n`;
    assert.deepEqual([ended.stderr, ended.code], [expected, 2]);
  });

  it('another configuration', async (context) => {
    const out = shortRun(temporaryFolder(context));
    const ended = await lopt(['train', '--resume', '--out', out, '--shards', '4']);
    const expected = `Cannot resume ${out}: "shards" must stay 2, as the run was started, got 4\n`;
    assert.deepEqual([ended.stderr, ended.code], [expected, 2]);
  });

  it('a config.json that was changed', async (context) => {
    const out = shortRun(temporaryFolder(context));
    const path = join(out, 'config.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"shards": 2', '"shards": 3'));
    const ended = await lopt(['train', '--resume', '--out', out]);
    const expected = `Cannot read the configuration from ${path}: its digest must match its content, but the file was changed\n`;
    assert.deepEqual([ended.stderr, ended.code], [expected, 1]);
  });

  it('one damaged checkpoint: the run goes on from the other', async (context) => {
    const out = shortRun(temporaryFolder(context));
    const folder = join(out, 'checkpoints');
    const newest = readdirSync(folder).sort().at(-1)!;
    damage(join(folder, newest));
    const ended = await lopt(['train', '--resume', '--rounds', '10', '--out', out]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ended.stdout.includes(`Cannot read the checkpoint ${join(folder, newest)}: it is damaged`), ended.stdout);
    assert.ok(ended.stdout.includes('Resuming after round 9.'), ended.stdout);
  });

  it('a journal without its beginning and no readable checkpoint', async (context) => {
    const out = shortRun(temporaryFolder(context));
    for (const name of readdirSync(join(out, 'checkpoints'))) damage(join(out, 'checkpoints', name));
    const journal = join(out, 'journal');
    const [segment] = readdirSync(journal);
    // the first segment lost: what is left begins later
    renameSync(join(journal, segment!), join(journal, 'journal-000000000004.bin'));
    const ended = await lopt(['train', '--resume', '--out', out]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /^Cannot resume the run: .*no undamaged checkpoint is of one of them\n$/);
  });
});

describe('lopt leaves no half-written file', () => {
  it('killed while it trains, every φ file is whole', async (context) => {
    const out = join(temporaryFolder(context), 'run');
    const args = ['train', 'quadratic', ...wordsOf({ ...SMALL_FLAGS, shards: 1 }), '--seconds', '60', '--out', out];
    const { child, ended, printed } = startProcess([CLI, ...args]);
    await printed('round ');
    child.kill('SIGKILL');
    await ended;
    for (const name of readdirSync(out).filter((file) => file.endsWith('.safetensors'))) {
      const checked = await lopt(['eval', join(out, name), '--functions', '2', '--tune-functions', '2']);
      assert.equal(checked.code, 0, checked.stderr);
    }
    assert.ok(existsSync(join(out, 'config.json')));
  });
});

describe('one process at a time works on a folder', () => {
  const words = ['train', 'quadratic', ...wordsOf({ ...SMALL_FLAGS, shards: 1 })];

  it('another one is told so in a sentence, and changes nothing', async (context) => {
    const out = join(temporaryFolder(context), 'run');
    const { child, ended, printed } = startProcess([CLI, ...words, '--rounds', '100000', '--out', out]);
    context.after(() => child.kill('SIGKILL'));
    await printed('Training');
    const config = readFileSync(join(out, 'config.json'), 'utf8');
    const other = await lopt(['train', '--resume', '--rounds', '7', '--out', out]);
    assert.deepEqual(
      [other.stdout, other.stderr, other.code],
      ['', `Cannot resume ${out}: process ${child.pid} is using it; wait for it to end, or stop it\n`, 1],
    );
    assert.equal(readFileSync(join(out, 'config.json'), 'utf8'), config);
    child.kill('SIGINT');
    assert.equal((await ended).code, 130);
    assert.equal(existsSync(join(out, 'lock')), false);
  });

  it('one that was killed, or never wrote its name, is in nobody’s way', async (context) => {
    const out = join(temporaryFolder(context), 'run');
    const { child, ended, printed } = startProcess([CLI, ...words, '--rounds', '100000', '--out', out]);
    await printed('Training');
    child.kill('SIGKILL');
    await ended;
    const lock = join(out, 'lock');
    const left = JSON.parse(readFileSync(lock, 'utf8')) as { pid: number };
    assert.equal(left.pid, child.pid);
    const stale = [
      JSON.stringify(left),
      // its number is another process's now
      JSON.stringify({ ...left, pid: process.pid }),
      JSON.stringify({ ...left, pid: process.pid, host: 'another' }),
      '{"pid":',
      '',
    ];
    for (const [index, content] of stale.entries()) {
      writeFileSync(lock, content);
      const resumed = await lopt(['train', '--resume', '--rounds', String(index + 1), '--out', out]);
      assert.equal(resumed.code, 0, content + resumed.stderr);
      assert.equal(existsSync(lock), false);
    }
  });
});

it('lopt train says that an evaluation.json is damaged, and reports without it', async (context) => {
  const out = join(temporaryFolder(context), 'run');
  const words = ['train', 'quadratic', ...wordsOf({ ...SMALL_FLAGS, shards: 1 }), '--out', out];
  assert.equal((await lopt([...words, '--rounds', '2'])).code, 0);
  const evaluation = join(out, 'evaluation.json');
  writeFileSync(evaluation, '{"phi":');
  const { code, stdout, stderr } = await lopt(['train', '--resume', '--rounds', '3', '--out', out]);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /\nCannot read the evaluation from .*evaluation\.json: .*; the report is written without it\n/);
  assert.ok(existsSync(join(out, 'report.html')));
  const report = await lopt(['report', out]);
  assert.equal(report.code, 1);
  assert.match(report.stderr, /^Cannot read the evaluation from .*evaluation\.json: .*\n$/);
});
