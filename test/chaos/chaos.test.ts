/** A few of the chaos schedules; `npm run chaos` plays them all. */
import { before, describe, it } from 'node:test';
import { withFolder } from '../fixtures/folder.js';
import { WITHOUT_NATS } from '../fixtures/nats-server.js';
import { play } from './play.js';
import { lineOf, scheduleOf } from './schedule.js';
import { trainUndisturbed, type Undisturbed } from './undisturbed.js';

/**
 * Together: a journal torn, a store wiped; a coordinator that dies before it hears of its record, one that is paused while
 * another takes over; a worker that lies among honest ones.
 */
const SEEDS = [16, 17, 20, 25, 31];

describe('a disturbed run of processes ends with the bits of the undisturbed one', { skip: WITHOUT_NATS }, () => {
  const schedules = SEEDS.map(scheduleOf);
  const undisturbed = new Map<number, Undisturbed>();

  before(async () => {
    for (const { shards, rounds } of schedules) {
      if (undisturbed.has(shards)) continue;
      undisturbed.set(shards, await withFolder((folder) => trainUndisturbed(folder, shards, rounds)));
    }
  });

  for (const schedule of schedules) {
    it(lineOf(schedule), () => play(schedule, undisturbed.get(schedule.shards)!));
  }
});
