/**
 * What a sweep costs beside its trials: rounds a second of 8 members interleaved on one pool, over those of 8 runs one
 * after another; 100 % is as fast. `npm run bench:sweep`; SWEEP_ROUNDS sets the rounds of a member (default 200), SWEEP_REPEATS how often
 * both are measured in turn (default 3).
 */

import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { trainOn } from '../../deploy/run/embedded.js';
import { configure } from '../../deploy/run/train-flags.js';
import { initialPhiOf, type RunConfig } from '../../shared/config.js';
import { silentLogger } from '../../shared/logger.js';
import { Pool } from '../../worker/pool.js';
import { withFolder } from '../fixtures/folder.js';

const MEMBERS = 8;
const THREADS = 2;
const rounds = Number(process.env['SWEEP_ROUNDS'] ?? 200);
const repeats = Number(process.env['SWEEP_REPEATS'] ?? 3);

/** What a way of computing all members takes. */
interface Cost {
  /** By the clock: says how well threads are used, on a machine that does nothing else. */
  seconds: number;
  /** Of processors, over all threads of this process: says what is computed beside the windows, whatever else runs. */
  cpuSeconds: number;
}

function optionsOf(config: RunConfig, folder: string) {
  const phi = initialPhiOf(config);
  return { config, phi, goal: { rounds }, logger: silentLogger, folder: join(folder, String(config.member)) };
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const [startedAt, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: (user + system) / 1e6 };
}

/** One run after another, on the same threads: starting them 8 times is not to count for the sweep. */
async function inARow(configs: readonly RunConfig[], folder: string): Promise<void> {
  const pool = new Pool(THREADS);
  for (const config of configs) await trainOn(pool, optionsOf(config, folder));
  await pool.close();
}

/** All at the same time, as `lopt sweep` has them. */
async function interleaved(configs: readonly RunConfig[], folder: string): Promise<void> {
  const pool = new Pool(THREADS);
  const runs = configs.map((config) => trainOn(pool, { ...optionsOf(config, folder), checkpointSeconds: 5 * MEMBERS }));
  await Promise.all(runs);
  await pool.close();
}

const configs: RunConfig[] = [];
for (let member = 0; member < MEMBERS; member++) {
  configs.push((await configure('Cannot measure', 'quadratic', { member })).config);
}
const total = MEMBERS * rounds;
process.stdout.write(`${MEMBERS} members of quadratic, ${rounds} rounds each, ${THREADS} threads\n`);
const [rows, weaves]: [Cost[], Cost[]] = [[], []];
for (let repeat = 0; repeat < repeats; repeat++) {
  await withFolder(async (folder) => {
    rows.push(await costOf(() => inARow(configs, join(folder, 'row'))));
    weaves.push(await costOf(() => interleaved(configs, join(folder, 'woven'))));
  });
  const [row, woven] = [rows.at(-1)!, weaves.at(-1)!];
  const ofClock = `${(total / row.seconds).toFixed(1)} rounds/s in a row, ${(total / woven.seconds).toFixed(1)} interleaved`;
  process.stdout.write(`${ofClock}: ${percent(row.seconds / woven.seconds)}; `);
  process.stdout.write(`of processors ${percent(row.cpuSeconds / woven.cpuSeconds)}\n`);
}
const sum = (costs: readonly Cost[], part: keyof Cost) => costs.reduce((before, cost) => before + cost[part], 0);
const ratio = (part: keyof Cost) => percent(sum(rows, part) / sum(weaves, part));
process.stdout.write(
  `Interleaved, over in a row: ${ratio('seconds')} by the clock, ${ratio('cpuSeconds')} by processor time\n`,
);

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
