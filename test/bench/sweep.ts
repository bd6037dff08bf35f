/**
 * What a sweep costs beside its trials: rounds a second of 8 members interleaved on one pool, over those of 8 runs one
 * after another. `npm run bench:sweep`; SWEEP_ROUNDS sets the rounds of a member (default 200), SWEEP_REPEATS how often
 * both are measured in turn (default 3).
 */

import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { trainEmbedded, trainOn } from '../../deploy/embedded.js';
import { configure } from '../../deploy/train-flags.js';
import { initialPhiOf, type RunConfig } from '../../shared/config.js';
import { silentLogger } from '../../shared/logger.js';
import { Pool } from '../../worker/pool.js';
import { withFolder } from '../fixtures/folder.js';

const MEMBERS = 8;
const THREADS = 2;
const rounds = Number(process.env['SWEEP_ROUNDS'] ?? 200);
const repeats = Number(process.env['SWEEP_REPEATS'] ?? 3);

function optionsOf(config: RunConfig, folder: string) {
  const phi = initialPhiOf(config);
  return { config, phi, goal: { rounds }, logger: silentLogger, folder: join(folder, String(config.member)) };
}

/** Seconds of 8 runs, one after another, each with threads of its own as `lopt train` has. */
async function inARow(configs: readonly RunConfig[], folder: string): Promise<number> {
  const startedAt = performance.now();
  for (const config of configs) await trainEmbedded({ threads: THREADS, ...optionsOf(config, folder) });
  return (performance.now() - startedAt) / 1000;
}

/** The same on threads that are there already: what starting them costs is not the sweep's merit. */
async function inARowOnOnePool(configs: readonly RunConfig[], folder: string): Promise<number> {
  const startedAt = performance.now();
  const pool = new Pool(THREADS);
  for (const config of configs) await trainOn(pool, optionsOf(config, folder));
  await pool.close();
  return (performance.now() - startedAt) / 1000;
}

async function interleaved(configs: readonly RunConfig[], folder: string): Promise<number> {
  const startedAt = performance.now();
  const pool = new Pool(THREADS);
  await Promise.all(configs.map((config) => trainOn(pool, optionsOf(config, folder))));
  await pool.close();
  return (performance.now() - startedAt) / 1000;
}

const configs: RunConfig[] = [];
for (let member = 0; member < MEMBERS; member++) {
  configs.push((await configure('Cannot measure', 'quadratic', { member })).config);
}
process.stdout.write(`${MEMBERS} members of quadratic, ${rounds} rounds each, ${THREADS} threads; rounds/s:\n`);
const total = MEMBERS * rounds;
for (let repeat = 0; repeat < repeats; repeat++) {
  const [row, pooled, woven] = await withFolder(async (folder) => [
    await inARow(configs, join(folder, 'row')),
    await inARowOnOnePool(configs, join(folder, 'pooled')),
    await interleaved(configs, join(folder, 'woven')),
  ]);
  const percent = (seconds: number) => `${((100 * seconds) / woven!).toFixed(1)} %`;
  process.stdout.write(
    `in a row ${(total / row!).toFixed(1)}  in a row on one pool ${(total / pooled!).toFixed(1)}  ` +
      `interleaved ${(total / woven!).toFixed(1)}: ${percent(row!)}, ${percent(pooled!)} on one pool\n`,
  );
}
