/**
 * `npm run bench:rules`: forward windows of the perceptron for evolution strategies, by lopt's engines and by JAX in turns:
 * 16 pairs of particles on 64-32-10 networks with minibatches of 64. JAX is only needed for the comparison.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { measureBench } from '../../deploy/run/bench.js';
import { configure } from '../../deploy/run/train-flags.js';
import { median } from './median.js';

// from dist/test/bench
const SCRIPT = fileURLToPath(new URL('../../../test/bench/peers/rule_jax.py', import.meta.url));
const PAIRS = 16;
const UNROLL = 20;
const TURNS = 3;
const THREADS = availableParallelism();

/** Coordinate-steps a second of JAX on all processors; a sentence if it cannot be measured. */
function measureJax(): number | string {
  const args = [SCRIPT, '--particles', String(2 * PAIRS), '--unroll', String(UNROLL)];
  const { error, status, stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8', timeout: 300_000 });
  if (error) return `python3 could not be started: ${error.message}`;
  if (status !== 0) return stderr.trim().split('\n').at(-1) ?? `python3 ended with ${status}`;
  return (JSON.parse(stdout) as { coordinate_steps_per_second: number }).coordinate_steps_per_second;
}

async function measureOwn(engine: string) {
  const { config, problems } = await configure('Cannot measure', 'mlp', {
    'problem.size': 8,
    'problem.hidden': 32,
    'problem.activation': 'relu',
    'problem.batch': 64,
    'problem.initialisation': 'fan-in',
    architecture: 'mlp',
    estimator: 'nres',
    shards: PAIRS,
    problems: 1,
    unroll: UNROLL,
    horizon: 1000,
    engine,
  });
  return measureBench({ config, problems, threads: THREADS, seconds: 3 });
}

const rates = { native: [] as number[], wasm: [] as number[], jax: [] as number[] };
let coordinatorShare = 0;
for (let turn = 0; turn < TURNS; turn++) {
  for (const engine of ['native', 'wasm'] as const) {
    const report = await measureOwn(engine);
    rates[engine].push(report.rows.at(-1)!.coordinateStepsPerSecond);
    if (engine === 'native') coordinatorShare = report.coordinatorShare;
    for (const { what, threads, coordinateStepsPerSecond } of report.rows) {
      const rate = (coordinateStepsPerSecond / 1e6).toFixed(2);
      process.stdout.write(`${engine}  ${what.padEnd(24)}${threads} threads  ${rate} million coordinate-steps/s\n`);
    }
  }
  const jax = measureJax();
  if (typeof jax === 'string') process.stdout.write(`JAX was not measured: ${jax}\n`);
  else {
    rates.jax.push(jax);
    process.stdout.write(`JAX, ${THREADS} threads: ${(jax / 1e6).toFixed(2)} million coordinate-steps/s\n`);
  }
}
process.stdout.write(`the coordinator's own work: ${(100 * coordinatorShare).toFixed(1)} % of a round on native\n`);
if (rates.jax.length > 0) {
  for (const engine of ['native', 'wasm'] as const) {
    const ratio = median(rates[engine]) / median(rates.jax);
    process.stdout.write(`${engine}: ${ratio.toFixed(2)} times JAX (medians of ${TURNS} turns)\n`);
  }
}
