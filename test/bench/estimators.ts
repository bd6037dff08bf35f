/**
 * The mean and the variance of every estimator beside theory, and which of them point the right way: `npm run
 * bench:estimators -- --draws 100000`.
 */
import { parseArgs } from 'node:util';
import type { Estimator } from '../../worker/estimators/estimator.js';
import {
  drawsOf,
  estimatesOf,
  linearVariance,
  meanOf,
  STRATEGIES,
  squaredErrors,
  strategy,
  TRUNCATED,
} from '../fixtures/evolution.js';
import { plainEngine } from '../fixtures/plain-engine.js';
import { influenceBalancing, linearSystem } from '../fixtures/plain-systems.js';

const { values } = parseArgs({ options: { draws: { type: 'string', default: '20000' } } });
const draws = Number(values.draws);
if (!Number.isSafeInteger(draws) || draws < 2) throw new RangeError('--draws must be an integer of at least 2');

function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

function short(value: number): string {
  return value.toPrecision(4);
}

/** The variance of an episode's estimates on a linear loss in three dimensions. */
async function variances(): Promise<void> {
  const slopes = [1, -0.5, 2];
  const unroll = 4;
  print(
    `Variance of the last window's estimate and of an episode's sum, θ' = θ + φ with the loss c·θ, |c|² = 5.25, windows of ${unroll} steps`,
  );
  print('| windows | estimator | last window | theory | sum | theory |');
  print('|---|---|---|---|---|---|');
  for (const windows of [1, 2, 5]) {
    for (const type of STRATEGIES) {
      const engine = plainEngine(linearSystem(slopes));
      const horizon = unroll * windows;
      const episode = { engine, estimator: strategy(type, 0.1), phi: new Float32Array(3), horizon, unroll };
      const all = Array.from({ length: windows }, (_, w) => w + 1);
      const figures: string[] = [];
      for (const counted of [[windows], all]) {
        const { gradient, variance } = linearVariance(type, slopes, unroll, counted);
        const found = await drawsOf(episode, draws, counted[0]! - 1);
        const { mean, error } = meanOf(squaredErrors(found, gradient));
        figures.push(`${short(mean)} ± ${short(error)}`, short(variance));
      }
      print(`| ${windows} | ${type} | ${figures.join(' | ')} |`);
    }
  }
}

/** The slope that every estimator finds where truncation is misled. */
async function slopes(): Promise<void> {
  const [horizon, unroll] = [40, 4];
  const whole = { engine: plainEngine(influenceBalancing(8, 3)), phi: Float32Array.of(0.05), horizon };
  const exact = (await estimatesOf({ ...whole, estimator: TRUNCATED, unroll: horizon }))[0]![0]!;
  print(`\nInfluence balancing, n = 8, p = 3, T = ${horizon}: the slope is ${short(exact)}`);
  print('| estimator | K | slope | standard deviation |');
  print('|---|---|---|---|');
  const cases: [string, Estimator, number, number][] = [
    ['bptt', TRUNCATED, unroll, 1],
    ...STRATEGIES.map((type) => [type, strategy(type, 0.01), unroll, draws] as [string, Estimator, number, number]),
    ['es', strategy('es', 0.01), horizon, draws],
  ];
  for (const [name, estimator, window, count] of cases) {
    const found = (await drawsOf({ ...whole, estimator, unroll: window }, count)).map(([slope]) => slope!);
    const { mean, error } = meanOf(found);
    const spread = count === 1 ? '0' : short(error * Math.sqrt(count));
    print(`| ${name} | ${window} | ${short(mean)}${count === 1 ? '' : ` ± ${short(error)}`} | ${spread} |`);
  }
}

await variances();
await slopes();
