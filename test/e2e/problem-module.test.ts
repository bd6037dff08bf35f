import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type EmbeddedOptions, trainEmbedded } from '../../deploy/run/embedded.js';
import type { StoredRun } from '../../deploy/run/run-folder.js';
import { configure } from '../../deploy/run/train-flags.js';
import { LoptError } from '../../shared/errors.js';
import { silentLogger } from '../../shared/logger.js';
import { encodePhi } from '../../shared/phi-format.js';
import type { Pool } from '../../worker/pool.js';
import { loadProblemModule } from '../../worker/problems/modules.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { DISTANCE, STUDENT_T, writeModule, writeText } from '../fixtures/modules.js';
import { lopt, SMALL_FLAGS, sha256, sha256OfFile, startOf, wordsOf } from './harness.js';

const { 'problem.dimension': _dimension, ...SMALL } = SMALL_FLAGS;
const FLAGS = wordsOf({ ...SMALL, shards: 3 });
const ROUNDS = 12;

function storedRun(out: string): StoredRun {
  return JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as StoredRun;
}

async function train(out: string, args: readonly (string | number)[], cwd?: string): Promise<string> {
  const { code, stderr } = await lopt(['train', ...args.map(String), '--out', out], cwd);
  assert.deepEqual([stderr, code], ['', 0]);
  return sha256OfFile(join(out, 'last.safetensors'));
}

/** Trains the example in this process; returns the sha256 of what last.safetensors would hold. */
async function trainExample(folder: string, threads: number, options: Partial<EmbeddedOptions> = {}): Promise<string> {
  const { name } = await loadProblemModule(STUDENT_T);
  const { config } = await configure('Cannot test', name, { ...SMALL, shards: 3 });
  const end = await trainEmbedded({
    folder,
    threads,
    config,
    phi: startOf(config),
    goal: { rounds: ROUNDS },
    logger: silentLogger,
    ...options,
  });
  return sha256(encodePhi(config.architecture, new Float32Array(end.state.phi)));
}

describe('the example, as the README names it', () => {
  // from dist/test/e2e
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const named = ['--problem-module', 'worker/problems/examples/student-t-regression.ts', ...FLAGS];
  let expected = '';

  before(async () => {
    const args = [...named, '--rounds', ROUNDS, '--threads', 1];
    expected = await withFolder((folder) => train(join(folder, 'run'), args, root));
  });

  for (const threads of [2, 3]) {
    it(`gives the same φ to the last bit with ${threads} threads`, async (context) => {
      assert.equal(await trainExample(temporaryFolder(context), threads), expected);
    });
  }

  it('gives it where the run is interrupted and resumed', async (context) => {
    const folder = temporaryFolder(context);
    const stop = new AbortController();
    const first = await trainExample(folder, 2, {
      signal: stop.signal,
      observer: { round: ({ round }) => (round === 5 ? stop.abort() : undefined) },
    });
    assert.notEqual(first, expected);
    assert.equal(await trainExample(folder, 1), expected);
  });

  it('gives it wherever the module lies and whatever it is called: the digest knows its content alone', async (context) => {
    const folder = temporaryFolder(context);
    const copy = join(folder, 'my-copy.mts');
    copyFileSync(STUDENT_T, copy);
    const out = join(folder, 'run');
    assert.equal(await train(out, ['student-t', '--problem-module', copy, ...FLAGS, '--rounds', ROUNDS]), expected);
    const { config, flags } = storedRun(out);
    assert.deepEqual(config.dataHashes, { 'module student-t': sha256OfFile(STUDENT_T) });
    assert.ok(!JSON.stringify(config).includes('my-copy'));
    assert.equal(flags['problem-module'], copy);
  });

  it('learns, and is resumed, evaluated, measured and listed from wherever, like every other family', async (context) => {
    const folder = temporaryFolder(context);
    const out = join(folder, 'run');
    const own = ['--problem.dimension', 2, '--problem.freedom', 3, '--learning-rate', 0.01];
    await train(out, [...named, ...own, '--rounds', 60], root);
    await train(out, ['--resume', '--rounds', 63], folder);
    const scores = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { evaluation?: number; sum: { mean: number } })
      .filter(({ evaluation }) => evaluation !== undefined);
    assert.ok(scores.at(-1)!.sum.mean < scores[0]!.sum.mean, 'the held-out loss did not fall');

    // the module is the one that the run was trained with
    const sizes = ['--functions', '4', '--tune-functions', '4'];
    const evaluated = await lopt(['eval', join(out, 'phi.safetensors'), ...sizes], folder);
    assert.match(evaluated.stdout, /^Comparing on 4 fresh functions of student-t, 30 steps;/, evaluated.stderr);
    const module = ['--problem-module', STUDENT_T];
    const elsewhere = await lopt(['eval', join(out, 'phi.safetensors'), 'quadratic', ...module, ...sizes], folder);
    assert.match(elsewhere.stdout, /^Comparing on 4 fresh functions of quadratic,/, elsewhere.stderr);
    const measured = await lopt(['bench', ...module, '--seconds', '0.05', '--problems', '4'], folder);
    assert.match(measured.stdout, /^student-t, engine native: [\s\S]* rounds\/s;/, measured.stderr);
    const listed = await lopt(['problems', ...module], folder);
    assert.match(
      listed.stdout,
      /\nstudent-t {3}linear regression [\s\S]*--problem\.freedom[\s\S]*: coefficients \[10\]\n/,
      listed.stderr,
    );
  });
});

test('a JavaScript module without a closed form trains by its differentiated loss, to the same bits', async (context) => {
  const folder = temporaryFolder(context);
  const args = ['--problem-module', DISTANCE, ...FLAGS, '--rounds', 6];
  const one = await train(join(folder, 'one'), [...args, '--threads', 1]);
  assert.equal(await train(join(folder, 'two'), [...args, '--threads', 2]), one);
});

test('a --config file names a module from its own folder', async (context) => {
  const folder = temporaryFolder(context);
  copyFileSync(DISTANCE, join(folder, 'distance.js'));
  const file = writeText(folder, 'run.yaml', 'problem-module: ./distance.js\nrounds: 2\nlayers: [3]\nproblems: 2');
  await train(join(folder, 'run'), ['--config', file, '--shards', 1, '--evaluate-functions', 2]);
  const { config, flags } = storedRun(join(folder, 'run'));
  assert.deepEqual([config.problem, flags['problem-module']], ['distance', join(folder, 'distance.js')]);
});

test('lopt problems lists problems that cannot be had by default, and the sentence with them', async (context) => {
  const folder = temporaryFolder(context);
  writeModule(folder, 'bad.js', 'configure: () => ({ ...plain, parameters: [{ name: "a", shape: [3] }] })');
  const { code, stdout, stderr } = await lopt(['problems', '--problem-module', 'bad.js'], folder);
  const sentence = 'the sizes of "parameters" must add up to "coordinates", 2, got 3 in a [3]';
  assert.ok(stdout.endsWith(`\n  θ by default: not known (Cannot use problem module bad.js: ${sentence})\n`), stdout);
  assert.deepEqual([stderr, code], ['', 0]);
});

describe('lopt train answers what a module does wrong in a run, or between two, with one sentence', () => {
  // what the trial before the run cannot see
  const late: readonly [what: string, changes: string, sentence: string][] = [
    [
      'the closed form throws at step 20',
      `configure: async () => ({ ...problems, createGradient() {
         const g = problems.createGradient();
         return (...args) => { if (args[2] === 20) throw new Error('no more data'); g(...args); };
       } })`,
      'the closed-form gradient must return at step 20, but threw "no more data"',
    ],
    [
      'the loss throws at step 20',
      `configure: async () => ({ ...plain, loss(...args) {
         if (args[3] === 20) throw new Error('no more data');
         return plain.loss(...args);
       } })`,
      'loss() must return at step 20, but threw "no more data"',
    ],
    [
      'draws of 5 problems are too short',
      `configure: async () => ({ ...problems, draw: (key, count, split) => problems.draw(key, count === 5 ? 4 : count, split) })`,
      'draw() must return "theta" as a Float32Array of 5 problems × 2 coordinates = 10, got Float32Array of 8',
    ],
  ];
  for (const [what, changes, sentence] of late) {
    it(`${what}: the run ends, and nothing is replayed`, async (context) => {
      const folder = temporaryFolder(context);
      writeModule(folder, 'late.js', changes);
      const args = ['--problem-module', 'late.js', ...FLAGS, '--rounds', '9', '--out', 'run'];
      const flags = args.map((word, index) => (args[index - 1] === '--problems' ? '5' : word));
      const { code, stdout, stderr } = await lopt(['train', ...flags], folder);
      assert.deepEqual([stderr, code], [`Cannot use problem module late.js: ${sentence}\n`, 1]);
      assert.ok(!stdout.includes('replayed'), stdout);
    });
  }

  it('a module that was changed, itself or what it imports, when the run is resumed', async (context) => {
    const folder = temporaryFolder(context);
    const out = join(folder, 'run');
    writeText(folder, 'scale.ts', 'export const scale: number = 1;');
    const path = writeModule(folder, 'scaled.js', 'summary: "by " + scale', "import { scale } from './scale.js';");
    await train(out, ['--problem-module', path, ...FLAGS, '--rounds', 2]);
    const resume = async (file: string, text: string) => {
      const before = readFileSync(join(folder, file), 'utf8');
      const hashes = [sha256OfFile(join(folder, file)), sha256OfFile(writeText(folder, file, text))];
      const { code, stderr } = await lopt(['train', '--resume', '--rounds', '3', '--out', out]);
      writeFileSync(join(folder, file), before);
      return { code, stderr, hashes };
    };
    for (const [file, name, text] of [
      ['scaled.js', 'module scaled', `${readFileSync(path, 'utf8')}// a remark`],
      ['scale.ts', 'module scaled, scale.ts', 'export const scale: number = 2;'],
    ] as const) {
      const { code, stderr, hashes } = await resume(file, text);
      const sentence = `the file ${name} must be that of the run, with SHA-256 ${hashes[0]}, got ${hashes[1]}`;
      assert.deepEqual([stderr, code], [`Cannot resume ${out}: ${sentence}\n`, 2]);
    }
    await train(out, ['--resume', '--rounds', 3]);
  });
});

test('a thread that is replaced after the module was changed ends the run rather than compute other bits', async (context) => {
  const folder = temporaryFolder(context);
  const path = writeModule(folder, 'changing.js', 'configure: async () => problems');
  const { name } = await loadProblemModule(path);
  const { config } = await configure('Cannot test', name, { ...SMALL, shards: 1 });
  const started = sha256OfFile(path);
  let pool: Pool | undefined;
  const run = trainEmbedded({
    folder: join(folder, 'run'),
    threads: 1,
    config,
    phi: startOf(config),
    goal: { rounds: 1_000_000 },
    logger: silentLogger,
    onPool(created) {
      pool = created;
    },
    observer: {
      round({ round }) {
        if (round !== 3) return;
        writeModule(folder, 'changing.js', 'configure: async () => plain');
        void pool!.terminateThread(0);
      },
    },
  });
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof LoptError);
    const sentence = `the file module changing must be that of the run, with SHA-256 ${started}, got ${sha256OfFile(path)}`;
    assert.equal(error.message, `Cannot join the run: ${sentence}`);
    return true;
  });
});
