/** Reads how long trials run: lopt's `scheduler`, or W&B's `early_terminate`. */
import type { NumberRule } from '../../../shared/check.js';
import type { SchedulerPlan } from '../plan.js';
import { geometricRungs } from '../schedulers/scheduler.js';
import type { Entries, Entry, LocatedYaml } from './located.js';

const COUNT: NumberRule = { integer: true, minimum: 1 };
const ETA: NumberRule = { minimum: 1, exclusive: true };

const HALVING = {
  min_rounds: 'rounds of the first rung (default: rounds/eta³)',
  eta: 'one trial in eta goes on at a rung, to eta times the rounds (default 3)',
} as const;

/** The types of `scheduler`, each with its own keys and what they mean. */
export const SCHEDULERS = {
  none: {},
  'successive-halving': HALVING,
  asha: HALVING,
  hyperband: HALVING,
  median: {
    every: 'rounds between two checks (default: a tenth of the rounds)',
    min_rounds: 'the first check that can stop a trial (default: every)',
    min_trials: 'other trials that must have got as far (default 5)',
  },
  pbt: {
    every: 'rounds between two selections (default: a tenth of the rounds)',
    truncation: 'share of the population to replace by copies of the best (default 0.2)',
    resample: 'probability that a parameter of a copy is redrawn instead of multiplied by 0.8 or 1.2 (default 0.25)',
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

const TYPES = Object.keys(SCHEDULERS) as (keyof typeof SCHEDULERS)[];

/** Reads `scheduler`. @param rounds of a trial that runs in full */
export function readScheduler(file: LocatedYaml, entry: Entry, rounds: number): SchedulerPlan {
  const all = [...new Set(Object.values(SCHEDULERS).flatMap(Object.keys))];
  const given = file.entries(entry.value, '"scheduler"', ['type', ...all]);
  const named = given.get('type') ?? file.fail(entry.key, '"scheduler" must have a "type"');
  const type = file.choice(named, TYPES);
  const entries = file.entries(entry.value, `a scheduler of type ${type}`, ['type', ...Object.keys(SCHEDULERS[type])]);
  const number = (name: string, rule: NumberRule, otherwise: number) => {
    const found = entries.get(name);
    return found ? file.number(found, rule) : otherwise;
  };
  const within: NumberRule = { ...COUNT, maximum: rounds };
  switch (type) {
    case 'none':
      return { type };
    case 'successive-halving':
    case 'asha':
    case 'hyperband': {
      const eta = number('eta', ETA, 3);
      return { type, eta, leastRounds: number('min_rounds', within, Math.max(1, Math.round(rounds / eta ** 3))) };
    }
    case 'median': {
      const every = number('every', within, Math.max(1, Math.round(rounds / 10)));
      return {
        type,
        every,
        leastRounds: number('min_rounds', within, every),
        leastTrials: number('min_trials', COUNT, 5),
      };
    }
    case 'pbt': {
      const every = number('every', within, Math.max(1, Math.round(rounds / 10)));
      const truncation = number('truncation', { minimum: 0, exclusive: true, maximum: 0.5 }, 0.2);
      return { type, every, truncation, resample: number('resample', { minimum: 0, maximum: 1 }, 0.25) };
    }
  }
}

const EARLY_KEYS = ['type', 'min_iter', 'max_iter', 's', 'eta', 'strict'] as const;

/**
 * Reads W&B's `early_terminate`, with iterations as rounds: `min_iter` puts brackets at min_iter, min_iter·eta, …, and
 * `max_iter` with `s` at max_iter/eta, …, max_iter/eta^s. A trial stops at a bracket if it is not among the best 1/eta;
 * with `strict`, which is ASHA, it pauses there until it is.
 */
export function readEarlyTerminate(file: LocatedYaml, entry: Entry, rounds: number): SchedulerPlan {
  const entries = file.entries(entry.value, '"early_terminate"', EARLY_KEYS);
  const type = entries.get('type') ?? file.fail(entry.key, '"early_terminate" must have a "type"');
  file.choice(type, ['hyperband'] as const);
  const given = entries.get('eta');
  const eta = given ? file.number(given, ETA) : 3;
  const strict = entries.get('strict');
  const least = firstBracket(file, entry, entries, eta, rounds);
  if (strict && file.flag(strict)) return { type: 'asha', leastRounds: least, eta };
  return { type: 'share', checks: geometricRungs(least, eta, rounds), eta };
}

function firstBracket(file: LocatedYaml, { key }: Entry, entries: Entries, eta: number, rounds: number): number {
  const within: NumberRule = { ...COUNT, maximum: rounds };
  const [min, max, s] = [entries.get('min_iter'), entries.get('max_iter'), entries.get('s')];
  if (min) {
    const extra = max ?? s;
    if (extra) file.fail(extra.key, `"early_terminate" must have "min_iter", or "max_iter" with "s", and not both`);
    return file.number(min, within);
  }
  if (!max || !s) return file.fail(key, '"early_terminate" must have "min_iter", or "max_iter" with "s"');
  const last = file.number(max, within);
  if (last !== rounds) file.fail(max.value, `"max_iter" must be the "rounds" of a trial, ${rounds}, got ${last}`);
  return Math.max(1, Math.round(rounds / eta ** file.number(s, COUNT)));
}
