/**
 * `npm run bench:training -- [--coordinate-steps N] [--threads N] [--out FOLDER] [NAME…]`: trains protocol A once with each
 * set of training options, in one thread and all for as many coordinate-steps, and holds the φ's against each other on the same 10 000 fresh
 * functions. Equal work and not equal time: other programs on the machine do not change the figures, whose bits the seed
 * fixes. An imitated window costs a further forward pass, which is not counted.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareOnPool } from '../../deploy/run/compare.js';
import { configure, type Flags } from '../../deploy/run/train-flags.js';
import { checkNumber } from '../../shared/check.js';
import type { RunConfig } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import { encodePhi } from '../../shared/phi-format.js';
import { timelineAt } from '../../shared/timeline.js';
import { Pool } from '../../worker/pool.js';
import { trainAlone } from './train-alone.js';

const TASK = 'Cannot measure';
const FUNCTIONS = 10_000;

/** Without second derivatives short windows and smaller steps are best. */
const FIRST_ORDER: Flags = { 'second-derivatives': false, unroll: 3, 'learning-rate': 4e-3 };

/** Each changes something of the set called `defaults`, which is that of `lopt train quadratic`. */
const SETS: Readonly<Record<string, Flags>> = {
  defaults: {},
  'rate-0.005': { 'learning-rate': 5e-3 },
  'rate-0.02': { 'learning-rate': 2e-2 },
  together: { episodes: 'together' },
  linear: { 'loss-weights': 'linear' },
  last: { 'loss-weights': 'last' },
  'scale-1': { 'scale-coordinates': 1 },
  'scale-3': { 'scale-coordinates': 3 },
  'imitate-0.3': { imitate: 0.3 },
  'unroll-3': { unroll: 3 },
  'unroll-5': { unroll: 5 },
  'unroll-20': { unroll: 20 },
  'unroll-5-to-20': { unroll: 5, 'longest-unroll': 20 },
  curriculum: { horizon: 25, horizons: '50,100', 'evaluate-every': 250 },
  'no-limit': { 'slope-limit': 0 },
  'limit-0.1': { 'slope-limit': 0.1 },
  first: { ...FIRST_ORDER, unroll: 10, 'learning-rate': 1e-2 },
  'first-3': FIRST_ORDER,
  'first-3-rnnprop': { ...FIRST_ORDER, preprocessing: 'rnnprop' },
  'first-3-both': { ...FIRST_ORDER, preprocessing: 'both' },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'coordinate-steps': { type: 'string' }, threads: { type: 'string' }, out: { type: 'string' } },
});
const budget = checkNumber(TASK, 'coordinate-steps', values['coordinate-steps'] ?? 40e6, { minimum: 1 });
/** Threads that evaluate. */
const threads = checkNumber(TASK, 'threads', values.threads ?? 1, { integer: true, minimum: 1 });
const out = values.out ?? mkdtempSync(join(tmpdir(), 'lopt-training-'));

/** The rounds in which the first `budget` coordinate-steps are done; a curriculum is taken to grow at once. */
function roundsOf(config: RunConfig, coordinates: number): number {
  const timeline = timelineAt(
    config,
    config.curriculum.horizons.map(() => 0),
  );
  let steps = 0;
  for (let round = 1; ; round++) {
    for (let shard = 0; shard < config.shards; shard++) steps += timeline.placeOf(round, shard).steps;
    if (steps * config.problems * coordinates >= budget) return round;
  }
}

async function measure(name: string, flags: Flags): Promise<string> {
  const { config, problems } = await configure(TASK, 'quadratic', flags);
  const rounds = roundsOf(config, problems.coordinates);
  const cpu = process.cpuUsage();
  const phi = new Float32Array((await trainAlone(config, rounds)).phi);
  const seconds = process.cpuUsage(cpu).user / 1e6;
  writeFileSync(join(out, `${name}.safetensors`), encodePhi(config.architecture, phi));
  const [short, long] = [await curvesOf(config, phi, 100, FUNCTIONS), await curvesOf(config, phi, 1000, 1000)];
  const figures = [
    `${short.sum.mean?.toFixed(2)} ± ${short.sum.standardError?.toFixed(2)}`,
    `${short.final.mean?.toFixed(4)} ± ${short.final.standardError?.toFixed(4)}`,
    short.final.median?.toPrecision(3),
    long.final.median?.toPrecision(3),
    long.final.mean?.toFixed(4),
    seconds.toFixed(0),
  ];
  return `| ${name} | ${rounds} | ${figures.join(' | ')} |`;
}

/** How φ does over a horizon, as `lopt eval` measures it. */
async function curvesOf(config: RunConfig, phi: Float32Array, horizon: number, functions: number) {
  const pool = new Pool(threads);
  try {
    const plan = { phi, pool, functions, tuneFunctions: 1, chunk: 64, seed: 0, against: [] };
    return (await compareOnPool({ ...plan, config: { ...config, horizon } }))[0]!;
  } finally {
    await pool.close();
  }
}

mkdirSync(out, { recursive: true });
const names = positionals.length > 0 ? positionals : Object.keys(SETS);
const unknown = names.find((name) => !Object.hasOwn(SETS, name));
if (unknown !== undefined) {
  throw new UsageError(`${TASK}: each name must be one of ${Object.keys(SETS).join(', ')}, got "${unknown}"`);
}
process.stdout.write(`${budget} coordinate-steps each, seed 0, on ${FUNCTIONS} fresh functions; into ${out}\n\n`);
process.stdout.write('| options | rounds | Σ f(θ_t) | f(θ_100) | its median | median f(θ_1000) | mean | CPU s |\n');
process.stdout.write(`|${' --- |'.repeat(8)}\n`);
for (const name of names) process.stdout.write(`${await measure(name, SETS[name]!)}\n`);
