/**
 * `node dist/test/bench/optimizer-step.js`: milliseconds that one `applyGradients` takes on a 784-20-10 network of 15 910
 * parameters, by LearnedOptimizer and by Adam, on every backend that is installed.
 */
import * as tf from '@tensorflow/tfjs';
import { LearnedOptimizer } from 'lopt';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { initialPhi } from '../../shared/phi.js';
import { fillNormal, seedKey } from '../../shared/random.js';

const SHAPES = [[784, 20], [20], [20, 10], [10]];
const NETWORK: LstmConfig = {
  type: 'lstm',
  layers: [20, 20],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};
const BACKENDS: Readonly<Record<string, string>> = {
  cpu: '@tensorflow/tfjs',
  wasm: '@tensorflow/tfjs-backend-wasm',
  tensorflow: '@tensorflow/tfjs-node',
};

const phi = { architecture: NETWORK, phi: Float32Array.from(initialPhi(NETWORK, seedKey(0))) };
const OPTIMIZERS: [name: string, steps: number, make: () => tf.Optimizer][] = [
  ['LearnedOptimizer, kernel', 200, () => new LearnedOptimizer(phi, { compute: 'kernel' })],
  ['LearnedOptimizer, tensors', 5, () => new LearnedOptimizer(phi, { compute: 'tensors' })],
  ['tf.train.adam', 200, () => tf.train.adam(0.01)],
];

/** Medians over `steps` steps, after a tenth as many: the wall clock, and the time of all threads of the process. */
function measure(optimizer: tf.Optimizer, steps: number): { wall: number; cpu: number } {
  const variables = SHAPES.map((shape) => tf.variable(tf.zeros(shape)));
  const gradients = variables.map(({ name, shape, size }, index) => {
    const values = new Float32Array(size);
    fillNormal(seedKey(index), values, 0, 0.01);
    return { name, tensor: tf.tensor(values, shape) };
  });
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let step = -Math.ceil(steps / 10); step < steps; step++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    optimizer.applyGradients(gradients);
    // some backends have only queued the work
    for (const variable of variables) variable.dataSync();
    if (step < 0) continue;
    walls.push(performance.now() - start);
    const { user, system } = process.cpuUsage(cpu);
    cpus.push((user + system) / 1000);
  }
  optimizer.dispose();
  tf.dispose([variables, gradients.map(({ tensor }) => tensor)]);
  return { wall: median(walls), cpu: median(cpus) };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

process.stdout.write('one applyGradients on 15 910 parameters; ms, median   wall     processor\n');
for (const [backend, packageName] of Object.entries(BACKENDS)) {
  try {
    await import(packageName);
  } catch {
    process.stdout.write(`backend ${backend}: ${packageName} is not installed\n`);
    continue;
  }
  await tf.setBackend(backend);
  process.stdout.write(`backend ${backend}\n`);
  for (const [name, steps, make] of OPTIMIZERS) {
    const { wall, cpu } = measure(make(), steps);
    process.stdout.write(`  ${name.padEnd(48)}${wall.toFixed(2).padStart(8)}${cpu.toFixed(2).padStart(13)}\n`);
  }
}
