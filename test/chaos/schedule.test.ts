import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALL_SEEDS, FAULTS, HABITS, lineOf, STEPS, SUCCESSIONS, scheduleOf, TRAITORS } from './schedule.js';

describe('scheduleOf()', () => {
  const all = ALL_SEEDS.map(scheduleOf);

  it('gives the same schedule for the same seed, and others for others', () => {
    assert.deepEqual(ALL_SEEDS.map(scheduleOf), all);
    assert.equal(new Set(all.map(lineOf)).size, all.length);
  });

  it('has in its full set 100 schedules, every fault and every lie at least twice, and 1, 2, 4 and 8 workers', () => {
    assert.equal(all.length, 100);
    const names = all.flatMap(({ habits, deaths, faults }) => [
      ...habits,
      ...new Set(deaths.map(({ step }) => step)),
      ...new Set(faults.map(({ kind }) => kind)),
    ]);
    for (const name of [...FAULTS, ...SUCCESSIONS, ...HABITS, ...TRAITORS, ...STEPS]) {
      assert.ok(names.filter((other) => other === name).length >= 2, name);
    }
    for (const step of STEPS) {
      const signals = all.flatMap(({ deaths }) => deaths.flatMap((death) => (death.step === step ? death.signal : [])));
      assert.deepEqual([...new Set(signals)].sort(), ['SIGKILL', 'SIGTERM'], step);
    }
    for (const count of [1, 2, 4, 8])
      assert.ok(all.filter(({ workers }) => workers === count).length >= 10, `${count}`);
  });

  it('orders its faults by their rounds, within the run', () => {
    for (const { faults, deaths, rounds } of all) {
      const moments = faults.map(({ round }) => round);
      assert.deepEqual(
        moments,
        moments.toSorted((a, b) => a - b),
      );
      for (const { round } of [...faults, ...deaths]) assert.ok(round > 0 && round < rounds);
    }
  });
});
