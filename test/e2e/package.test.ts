import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nativeFault } from '../../worker/devices/native/load.js';
import { install, manifestOf, ROOT, run } from '../fixtures/application.js';

const APPLICATION = `
import * as tf from '@tensorflow/tfjs';
import { type Compute, LearnedOptimizer } from 'lopt';

declare const process: { argv: string[] };
const compute: Compute = 'auto';
const optimizer: tf.Optimizer = await LearnedOptimizer.load(process.argv[2] ?? '', { compute });
const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [3], units: 1, kernelInitializer: 'zeros' })] });
model.compile({ optimizer, loss: 'meanSquaredError' });
const inputs = tf.tensor2d([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]);
const targets = tf.tensor2d([[1], [-2], [0.5], [-0.5]]);
const { history } = await model.fit(inputs, targets, { epochs: 60, shuffle: false, verbose: 0 });
const losses = history['loss'] as number[];
console.log(JSON.stringify([losses[0], losses.at(-1)]));
`;

const WRONG_APPLICATION = `
import { LearnedOptimizer } from 'lopt';
const optimizer: LearnedOptimizer = await LearnedOptimizer.load('phi', { compute: 'gpu' });
optimizer.learningRate = 1;
`;

/** Compiles the application. */
function compile(folder: string, ...flags: string[]): { status: number | null; stdout: string } {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  return run(folder, process.execPath, compiler, '-p', '.', ...flags);
}

test('the packed tarball gives an application the command, LearnedOptimizer and its types', (context) => {
  const { folder, lopt } = install(context);
  assert.deepEqual(readdirSync(lopt).sort(), ['LICENSE', 'README.md', 'deploy', 'dist', 'package.json', 'worker']);
  assert.ok(!existsSync(join(lopt, 'dist', 'test')));

  const command = join(lopt, manifestOf(lopt).bin['lopt']!);
  const problems = run(folder, process.execPath, command, 'problems');
  assert.equal(problems.status, 0, problems.stdout);
  assert.match(problems.stdout, /quadratic/);
  const engines = run(folder, join('node_modules', '.bin', 'lopt'), 'engines');
  assert.equal(engines.status, 0, engines.stdout);
  assert.match(
    engines.stdout,
    nativeFault() ? /^native .*\n {2}not usable / : /^native .*\n {2}device .*\n {2}fingerprint /,
  );
  const place = join('dist', 'worker', 'devices', 'native', 'prebuilds', `${process.platform}-${process.arch}`);
  const built = existsSync(join(lopt, place)) ? readdirSync(join(lopt, place)) : [];
  assert.equal(built.filter((name) => /^lopt\.napi.*\.node$/.test(name)).length, nativeFault() ? 0 : 1);
  const flags = ['--problem.dimension', '3', '--layers', '8', '--rounds', '150', '--out', 'run'];
  const trained = run(folder, process.execPath, command, 'train', 'quadratic', ...flags);
  assert.equal(trained.status, 0, trained.stdout);

  // tfjs 4.22 itself needs skipLibCheck; without the types of Node, as in an application for browsers
  const compilerOptions = { strict: true, module: 'nodenext', target: 'es2023', types: [], skipLibCheck: true };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['application.ts'] }));
  writeFileSync(join(folder, 'application.ts'), APPLICATION);
  const compiled = compile(folder);
  assert.equal(compiled.status, 0, compiled.stdout);
  writeFileSync(join(folder, 'application.ts'), WRONG_APPLICATION);
  const { stdout: errors } = compile(folder, '--noEmit', '--skipLibCheck', 'false');
  assert.match(errors, /Type '"gpu"' is not assignable to type /);
  assert.match(errors, /Property 'learningRate' does not exist on type 'LearnedOptimizer'/);
  assert.doesNotMatch(errors, /node_modules\/lopt/);

  const { status, stdout } = run(folder, process.execPath, 'application.js', join('run', 'phi.safetensors'));
  assert.equal(status, 0, stdout);
  const [first, last] = JSON.parse(stdout) as [number, number];
  // (1 + 4 + 0.25 + 0.25) / 4
  assert.equal(first, 1.375);
  assert.ok(last < 0.2 * first, `${first} → ${last}`);
});
