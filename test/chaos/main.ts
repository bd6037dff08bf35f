/** `npm run chaos`: the full set of schedules, or those named by `--seed N,M`. Prints a line for each, and a table. */
import { parseArgs } from 'node:util';
import { withFolder } from '../fixtures/folder.js';
import { play } from './play.js';
import { ALL_SEEDS, lineOf, scheduleOf } from './schedule.js';
import { trainUndisturbed, type Undisturbed } from './undisturbed.js';

const { values } = parseArgs({ options: { seed: { type: 'string' } } });
const seeds = values.seed === undefined ? ALL_SEEDS : values.seed.split(',').map(Number);
if (!seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)) {
  throw new RangeError(`Cannot play schedules: "seed" must be non-negative integers, got "${values.seed}"`);
}

const undisturbed = new Map<number, Undisturbed>();
const table: { seed: number; workers: number; faults: string; seconds: string; 'same bits': string }[] = [];
let failures = 0;
for (const seed of seeds) {
  const schedule = scheduleOf(seed);
  const { shards, rounds, workers, standby, habits, deaths, faults } = schedule;
  let expected = undisturbed.get(shards);
  expected ??= await withFolder((folder) => trainUndisturbed(folder, shards, rounds));
  undisturbed.set(shards, expected);
  process.stdout.write(`${lineOf(schedule)}\n`);
  const startedAt = performance.now();
  let result = 'yes';
  try {
    await play(schedule, expected);
  } catch (error) {
    failures += 1;
    result = 'NO';
    process.stdout.write(`FAILED: ${(error as Error).message}\n`);
  }
  const names = [
    ...habits,
    ...deaths.map(({ step, signal }) => `${signal} ${step}`),
    ...faults.map(({ kind }) => kind),
  ];
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`  ${result === 'yes' ? 'the same bits' : 'failed'} after ${seconds} s\n`);
  table.push({
    seed,
    workers,
    faults: [...(standby ? ['standby'] : []), ...names].join(', '),
    seconds,
    'same bits': result,
  });
}
console.table(table);
process.stdout.write(
  `${seeds.length - failures} of ${seeds.length} schedules ended with the bits of the undisturbed run.\n`,
);
process.exitCode = failures > 0 ? 1 : 0;
