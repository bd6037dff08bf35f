/** Schedules of faults: what happens to a run, and at which round, as a pure function of a seed. */
import { deriveKey, fillUniform } from '../../shared/random.js';

/** Steps of the coordinator at which its process kills itself. */
export const STEPS = [
  'before-broadcast',
  'after-broadcast',
  'before-append',
  'unacknowledged',
  'after-append',
  'before-checkpoint',
  'after-checkpoint',
  'before-purge',
  'after-purge',
] as const;
export type Step = (typeof STEPS)[number];

/** What is done to a run from outside, once it has reached a round. */
export const FAULTS = [
  'kill-worker',
  'stop-worker',
  'add-worker',
  'drain-worker',
  'kill-coordinator',
  'stop-coordinator',
  'kill-server',
  'stop-server',
  'cut-worker',
  'hold-worker',
  'cut-coordinator',
  'hold-coordinator',
  'cut-all',
  'hold-all',
  'lose-power',
  'lose-power-everywhere',
  'tear-journal',
  'wipe-store',
  'delay-all',
] as const;

/** Those that need a second coordinator, and leave it in charge. */
export const SUCCESSIONS = ['kill-leader', 'pause-leader'] as const;
export type FaultKind = (typeof FAULTS)[number] | (typeof SUCCESSIONS)[number];

/** What is wrong with a run from its start. */
export const HABITS = ['lost-acknowledgements', 'disturbed-results'] as const;
/** Who lies with a worker's credentials from its start on. */
export const TRAITORS = ['impostor', 'junk', 'liar', 'sybils', 'flood'] as const;
export type TraitorHabit = (typeof TRAITORS)[number];
export type Habit = (typeof HABITS)[number] | TraitorHabit;

export interface Fault {
  kind: FaultKind;
  /** The round that the run has reached when it happens. */
  round: number;
  /** Milliseconds until it is undone. */
  ms: number;
  /** Which of those whom it may hit. */
  pick: number;
}

export interface Schedule {
  seed: number;
  /** Worker processes at the start. */
  workers: number;
  shards: number;
  rounds: number;
  standby: boolean;
  habits: readonly Habit[];
  /** Where the coordinator's first process gets a signal, its second, and so on. */
  deaths: readonly { step: Step; round: number; signal: 'SIGKILL' | 'SIGTERM' }[];
  faults: readonly Fault[];
}

export const ROUNDS = 240;
const WORKERS = [1, 2, 4, 8] as const;
/** Honest workers beside a liar: two must be left when one of them is killed. */
const LIARS_WITNESSES = 4;
const SHARDS = [8, 5, 2] as const;
/** Every schedule has one of these; seeds in a row go through all of them. */
const LEADS = [...FAULTS, ...SUCCESSIONS, ...HABITS, ...TRAITORS, ...STEPS] as const;
type Lead = (typeof LEADS)[number];

/** Seeds of the full set: every lead twice or three times, with other workers beside it. */
export const ALL_SEEDS: readonly number[] = Array.from({ length: 100 }, (_, seed) => seed);

function isOneOf<Word extends string>(words: readonly Word[], lead: Lead): lead is Word & Lead {
  return (words as readonly string[]).includes(lead);
}

/** The schedule of a seed: any non-negative integer. */
export function scheduleOf(seed: number): Schedule {
  const uniform = new Float32Array(64);
  fillUniform(deriveKey({ seed, member: 0, shard: 0, episode: 0, purpose: 'check' }), uniform);
  let drawn = 0;
  const below = (bound: number) => Math.min(bound - 1, Math.floor(uniform[drawn++]! * bound));

  const lead = LEADS[seed % LEADS.length]!;
  const turn = Math.floor(seed / LEADS.length);
  const succession = isOneOf(SUCCESSIONS, lead);
  // two coordinators are trouble enough: the one that is left must live
  const others = FAULTS.filter((kind) => {
    if (succession) return !/coordinator|everywhere|tear|wipe/.test(kind);
    // between a liar and one honest worker nobody can decide
    return lead !== 'liar' || /^(kill|stop)-(coordinator|server)|^(kill|add)-worker|lose-power/.test(kind);
  });
  const kinds: FaultKind[] = Array.from({ length: 1 + below(3) }, () => others[below(others.length)]!);
  if (succession || isOneOf(FAULTS, lead)) kinds.splice(below(kinds.length + 1), 0, lead);
  const [first, last] = [20, ROUNDS - 60];
  const faults = kinds.map((kind, index): Fault => {
    const share = (index + uniform[drawn++]!) / kinds.length;
    return { kind, round: Math.floor(first + share * (last - first)), ms: 100 + below(2400), pick: below(1024) };
  });
  const signal = turn % 2 === 0 ? 'SIGKILL' : 'SIGTERM';
  const deaths = isOneOf(STEPS, lead)
    ? [10, 110].map((from) => ({ step: lead, round: from + below(90), signal }) as const)
    : [];
  return {
    seed,
    workers: lead === 'liar' ? LIARS_WITNESSES : WORKERS[(seed + turn) % WORKERS.length]!,
    shards: SHARDS[below(SHARDS.length)]!,
    rounds: ROUNDS,
    standby: succession,
    habits: isOneOf(HABITS, lead) || isOneOf(TRAITORS, lead) ? [lead] : [],
    deaths,
    faults,
  };
}

/** The schedule in a line. */
export function lineOf({ seed, workers, shards, rounds, standby, habits, deaths, faults }: Schedule): string {
  return [
    `seed ${seed}: ${workers} worker${workers === 1 ? '' : 's'}, ${shards} shards, ${rounds} rounds`,
    ...(standby ? ['a standby'] : []),
    ...habits,
    ...deaths.map(({ step, round, signal }) => `${signal} ${step} ${round}`),
    ...faults.map(({ kind, round, ms, pick }) => `${kind} at ${round} for ${ms} ms (${pick})`),
  ].join('; ');
}
