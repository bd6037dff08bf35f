import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ComparedOptimizer } from '../../coordinator/comparison.js';
import { encodeJson } from '../../deploy/export/json.js';
import { encodeNpz } from '../../deploy/export/npz.js';
import { optionNames } from '../../shared/options/table.js';
import { phiLength } from '../../shared/phi.js';
import { readPhi, writePhi } from '../../shared/phi-file.js';
import { encodeTorch } from '../../worker/architectures/lstm/torch.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { lopt, SMALL_FLAGS, SMALL_SHAPE, sha256OfFile, wordsOf } from './harness.js';

const FLAGS = wordsOf({ ...SMALL_FLAGS, shards: 2 });

function jsonLines(path: string): Record<string, unknown>[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('lopt train writes what its folder is said to hold, a line a round and an evaluation', async (context) => {
  const out = join(temporaryFolder(context), 'run');
  const { code, stdout, stderr } = await lopt(['train', 'quadratic', ...FLAGS, '--rounds', '20', '--out', out]);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /^Training φ on quadratic with \d+ threads?, into /);
  assert.match(stdout, /\nTrained 20 rounds; the best φ is that of round \d+: .*phi\.safetensors\n/);
  const lines = jsonLines(join(out, 'metrics.jsonl'));
  const rounds = lines.filter(({ round }) => round !== undefined);
  assert.deepEqual(
    rounds.map(({ round }) => round),
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  for (const { healthy, problems, metaLoss } of rounds) {
    assert.deepEqual([healthy, problems], [4, 4]);
    assert.ok(Number.isFinite(metaLoss));
  }
  // every 9 rounds, and the last one
  assert.deepEqual(
    lines.filter(({ evaluation }) => evaluation !== undefined).map(({ evaluation }) => evaluation),
    [0, 9, 18, 20],
  );
  const { config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as {
    config: { architecture: unknown };
  };
  for (const name of ['phi.safetensors', 'last.safetensors']) {
    assert.deepEqual(readPhi(join(out, name)).architecture, config.architecture);
  }
  for (const name of ['journal', 'checkpoints', 'report.html']) assert.ok(existsSync(join(out, name)), name);
});

test('lopt train --init starts from the given φ', async (context) => {
  const folder = temporaryFolder(context);
  const first = join(folder, 'first');
  const second = join(folder, 'second');
  assert.equal((await lopt(['train', 'quadratic', ...FLAGS, '--rounds', '5', '--out', first])).code, 0);
  const phi = join(first, 'last.safetensors');
  const flags = wordsOf({ ...SMALL_FLAGS, shards: 2, 'learning-rate': 1e-30 });
  assert.equal((await lopt(['train', 'quadratic', ...flags, '--init', phi, '--rounds', '1', '--out', second])).code, 0);
  assert.equal(sha256OfFile(join(second, 'last.safetensors')), sha256OfFile(phi));
  const resumed = await lopt(['train', '--resume', '--rounds', '2', '--out', second]);
  assert.equal(resumed.code, 0, resumed.stderr);
});

test('lopt eval prints a table and writes the figures of the learned and of every hand-designed optimizer', async (context) => {
  const folder = temporaryFolder(context);
  const out = join(folder, 'run');
  assert.equal((await lopt(['train', 'quadratic', ...FLAGS, '--rounds', '5', '--out', out])).code, 0);
  const json = join(folder, 'figures.json');
  const sizes = ['--functions', '70', '--tune-functions', '20', '--json', json];
  const evaluated = await lopt(['eval', join(out, 'phi.safetensors'), ...sizes]);
  assert.equal(evaluated.code, 0, evaluated.stderr);
  const report = JSON.parse(readFileSync(json, 'utf8')) as {
    functions: number;
    horizon: number;
    optimizers: ComparedOptimizer[];
  };
  // problem, its options and the horizon are the run's own
  assert.deepEqual([report.functions, report.horizon], [70, 30]);
  const names = ['learned', 'sgd', 'momentum', 'nag', 'adagrad', 'rmsprop', 'rprop', 'adam'];
  assert.deepEqual(
    report.optimizers.map(({ name }) => name),
    names,
  );
  for (const { name, sum, final, divergenceRate, curve } of report.optimizers) {
    assert.equal(sum.learningRate === null, name === 'learned');
    for (const { mean, standardError, median } of [sum, final]) {
      assert.ok(mean! > 0 && standardError! > 0 && median! > 0, name);
    }
    assert.ok(divergenceRate >= 0 && divergenceRate <= 1);
    // the curve is that of the final loss, from θ_0, where all optimizers begin
    assert.deepEqual(
      curve!.steps,
      Array.from({ length: 31 }, (_, t) => t),
    );
    assert.deepEqual([curve!.mean.at(-1), curve!.median.at(-1)], [final.mean, final.median]);
    assert.equal(curve!.mean[0], report.optimizers[0]!.curve!.mean[0]);
    curve!.median.forEach((median, t) => {
      assert.ok(curve!.lowerQuartile[t]! <= median! && median! <= curve!.upperQuartile[t]!, `${name}, step ${t}`);
    });
    assert.match(evaluated.stdout, new RegExp(`^${name} `, 'm'));
  }
  // the same functions again, whatever the number of threads, and with the run's folder instead of its φ
  const again = join(folder, 'again.json');
  const repeated = await lopt(['eval', out, ...sizes.slice(0, 4), '--json', again, '--threads', '1']);
  assert.equal(repeated.code, 0, repeated.stderr);
  assert.deepEqual(JSON.parse(readFileSync(again, 'utf8')), report);
});

test('lopt export writes beside φ, or where it is told to, and the same bytes again', async (context) => {
  const folder = temporaryFolder(context);
  const architecture = { type: 'lstm', layers: [3], preprocessing: 'none', outputScale: 0.1, logAndSignP: 10 } as const;
  const phi = new Float32Array(phiLength(architecture)).fill(0.5);
  writePhi(join(folder, 'phi.safetensors'), architecture, phi);
  for (const [to, name, bytes] of [
    ['npz', 'phi.npz', encodeNpz(architecture, phi)],
    ['json', 'phi.json', Buffer.from(encodeJson(architecture, phi))],
    ['torch', 'phi.py', Buffer.from(encodeTorch(architecture, phi))],
  ] as const) {
    const args = ['export', 'phi.safetensors', '--to', to];
    const { code, stdout, stderr } = await lopt(args, folder);
    assert.deepEqual([code, stdout, stderr], [0, `Wrote the ${phi.length} numbers of φ to ${name}\n`, '']);
    assert.equal((await lopt([...args, '--out', 'elsewhere'], folder)).code, 0);
    for (const written of [name, 'elsewhere']) assert.ok(readFileSync(join(folder, written)).equals(bytes), written);
  }
  assert.deepEqual(readdirSync(folder).sort(), ['elsewhere', 'phi.json', 'phi.npz', 'phi.py', 'phi.safetensors']);
});

test('lopt eval takes another problem and a longer horizon than φ was trained for', async (context) => {
  const folder = temporaryFolder(context);
  const out = join(folder, 'run');
  assert.equal((await lopt(['train', 'quadratic', ...FLAGS, '--rounds', '2', '--out', out])).code, 0);
  const sizes = ['--functions', '4', '--tune-functions', '4', '--horizon', '45', '--json', join(folder, 'x.json')];
  const evaluated = await lopt(['eval', join(out, 'phi.safetensors'), 'simple', ...sizes]);
  assert.equal(evaluated.code, 0, evaluated.stderr);
  assert.match(evaluated.stdout, /^Comparing on 4 fresh functions of simple, 45 steps;/);
});

test('lopt train mix takes families from a list in a file, and lopt eval others of its options', async (context) => {
  const folder = temporaryFolder(context);
  const lines = ['problem: mix', 'problem.families: [simple, lasso=2]', 'problem.lasso.dimension: 6'];
  writeFileSync(join(folder, 'f.yaml'), `${lines.join('\n')}\n`);
  const shape = wordsOf({ ...SMALL_SHAPE, shards: 3 });
  const trained = await lopt(['train', '--config', 'f.yaml', ...shape, '--rounds', '6', '--out', 'run'], folder);
  assert.equal(trained.code, 0, trained.stderr);
  const last = sha256OfFile(join(folder, 'run', 'last.safetensors'));
  const [, command] = /The same bits again: lopt (.*)/.exec(trained.stdout)!;
  assert.equal((await lopt([...command!.split(' '), '--out', 'again'], folder)).code, 0);
  assert.equal(sha256OfFile(join(folder, 'again', 'last.safetensors')), last);

  const sizes = ['--functions', '8', '--tune-functions', '8', '--json'];
  const figuresOf = async (file: string, ...args: string[]) => {
    const evaluated = await lopt(['eval', 'run/phi.safetensors', ...args, ...sizes, file], folder);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    // the report names the problem, too, and that is another one
    return (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { optimizers: unknown }).optimizers;
  };
  const all = await figuresOf('all.json');
  const lasso = await figuresOf('lasso.json', '--problem.families', 'lasso');
  assert.deepEqual(lasso, await figuresOf('alone.json', 'lasso', '--problem.dimension', '6'));
  assert.notDeepEqual(all, lasso);
});

test('lopt train mlp trains on real MNIST', async (context) => {
  const out = join(temporaryFolder(context), 'run');
  const flags = wordsOf({ 'problem.hidden': 4, horizon: 6, unroll: 3, layers: 4, 'evaluate-functions': 1 });
  const { code, stderr } = await lopt(['train', 'mlp', ...flags, '--rounds', '4', '--out', out]);
  assert.equal(code, 0, stderr);
  const { config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as {
    config: { dataHashes: Record<string, string> };
  };
  assert.equal(Object.keys(config.dataHashes).length, 4);
});

test('lopt train keeps second derivatives where it is told to, or where the family advises it', async (context) => {
  const folder = temporaryFolder(context);
  const flags = wordsOf({ ...SMALL_FLAGS, shards: 1, 'evaluate-functions': 2, layers: 3, rounds: 3, threads: 1 });
  const train = async (name: string, ...more: string[]) => {
    const out = join(folder, name);
    const { code, stderr } = await lopt(['train', ...more, ...flags, '--out', out]);
    assert.equal(code, 0, stderr);
    const { config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as {
      config: { estimator: { secondDerivatives: boolean } };
    };
    return { kept: config.estimator.secondDerivatives, hash: sha256OfFile(join(out, 'last.safetensors')) };
  };
  for (const engine of ['wasm', 'reference']) {
    const advised = await train(`${engine}-advised`, 'quadratic', '--engine', engine);
    const told = await train(`${engine}-told`, 'quadratic', '--engine', engine, '--second-derivatives');
    const plain = await train(`${engine}-plain`, 'quadratic', '--engine', engine, '--second-derivatives=false');
    assert.deepEqual(advised, { ...told, kept: true });
    assert.equal(plain.kept, false);
    assert.notEqual(plain.hash, told.hash);
  }
  const moving = await train('moving', 'quadratic', '--preprocessing', 'both');
  assert.equal(moving.kept, false);
  assert.equal((await train('other', 'rastrigin')).kept, false);
});

test('lopt train --help shows every option under its heading, with its type or choices, its default and what families advise', async () => {
  const { code, stdout } = await lopt(['train', '--help']);
  assert.equal(code, 0);
  // as if no line had been broken
  const text = stdout.replace(/\n {2,}(?!--)/g, ' ').replace(/ +/g, ' ');
  let heading = '';
  const headings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, flag] = /^ *--([a-z-]+)/.exec(line) ?? [];
    if (flag !== undefined) headings.set(flag, heading);
    else if (line.endsWith(':')) heading = line.slice(0, -1);
  }
  assert.deepEqual(
    optionNames().filter((name) => !headings.has(name)),
    [],
  );
  for (const [flag, expected] of [
    ['rounds', 'Options'],
    ['seed', 'Run'],
    ['longest-unroll', 'Episodes'],
    ['architecture', 'Architecture'],
    ['layers', 'Architecture lstm'],
    ['estimator', 'Estimator'],
    ['slope-limit', 'Estimator bptt'],
    ['scale-coordinates', 'Augmentation'],
    ['horizons', 'Curriculum'],
    ['clip', 'Outer optimizer'],
    ['evaluate-every', 'Evaluation'],
    ['strict', 'Engine'],
  ]) {
    assert.equal(headings.get(flag!), expected, flag);
  }
  for (const shown of [
    '--layers units of the LSTM layers, as in 20,20 [array] [default: 20,20]',
    '[choices: "lstm", "mlp"] [default: lstm]',
    '[choices: "staggered", "together"] [default: staggered]',
    '[number] [default: 0.1; 1 for rastrigin, logistic; 0.01 for mlp, autoencoder, conv, language]',
    '10 for quadratic (3 without second derivatives)',
    'too [boolean] [default: false; true for quadratic]',
  ]) {
    assert.ok(text.includes(shown), `${shown} in ${text}`);
  }
});

test('lopt bench prints a rate for the kernel, for windows and for rounds', async (context) => {
  const folder = temporaryFolder(context);
  const json = join(folder, 'bench.json');
  const { code, stdout, stderr } = await lopt(['bench', '--seconds', '0.05', '--problems', '4', '--json', json]);
  assert.equal(code, 0, stderr);
  const { rows } = JSON.parse(readFileSync(json, 'utf8')) as {
    rows: { what: string; coordinateStepsPerSecond: number }[];
  };
  assert.equal(rows.length, 5);
  for (const { what, coordinateStepsPerSecond } of rows) {
    assert.ok(coordinateStepsPerSecond > 0, what);
    assert.ok(stdout.includes(what), what);
  }
});

test('lopt problems and lopt engines list what there is', async () => {
  const problems = await lopt(['problems']);
  for (const text of [
    'simple',
    'quadratic',
    '--problem.distribution',
    'mlp',
    '--problem.activation',
    'mix',
    '--problem.families',
    '\n  θ by default: theta [10]\n',
    '\n  θ by default: weights [10], bias [1]\n',
    '\n  θ by default: layer_1/weights [784, 20], layer_1/biases [20], output/weights [20, 10], output/biases [10]\n',
    '\n  θ by default: theta [10] or theta [2], by the episode\n',
  ]) {
    assert.ok(problems.stdout.includes(text), text);
  }
  const engines = await lopt(['engines']);
  for (const text of ['wasm', 'reference']) assert.ok(engines.stdout.includes(text), text);
});
