/** Decides, once, how many rounds a run has. Times are in milliseconds, of a clock that only goes forward. */
import type { OuterConfig } from '../shared/config.js';
import type { LearnerState } from './learner.js';
import { leastPlan } from './schedule.js';

/**
 * How long a run goes on: a number of rounds, or a time from which that number is decided once. With `until` it pauses
 * after an earlier round, while its learning rates stay those of all its rounds; a later goal takes it further.
 */
export type Goal = { rounds: number; until?: number } | { seconds: number };

/** Share of the time that the pace is measured over, and the most seconds of it. */
const MEASURED = 0.1;
const MOST_SECONDS = 45;

export class Pacer {
  readonly #goal: Goal;
  readonly #outer: OuterConfig;
  readonly #startedAt: number;
  readonly #measuring: number;
  #firstRound: number | undefined;
  #mark: { at: number; round: number } | undefined;

  /** @param now when the run starts, or goes on */
  constructor(goal: Goal, outer: OuterConfig, now: number) {
    this.#goal = goal;
    this.#outer = outer;
    this.#startedAt = now;
    this.#measuring = 'seconds' in goal ? 1000 * Math.min(MOST_SECONDS, MEASURED * goal.seconds) : 0;
  }

  /** Whether the run has all its rounds. */
  reached({ round, plannedRounds }: Pick<LearnerState, 'round' | 'plannedRounds'>): boolean {
    if ('seconds' in this.#goal) return round >= (plannedRounds ?? Number.POSITIVE_INFINITY);
    const { rounds, until = rounds } = this.#goal;
    return round >= Math.min(rounds, until);
  }

  /** The plan, at the first round whose close can decide it; called at the close of every round until it is there. */
  plan({ round }: Pick<LearnerState, 'round'>, now: number): number | undefined {
    if ('rounds' in this.#goal) {
      // a timed run that was stopped before its plan has had the peak rate so far
      return round === 0 ? this.#goal.rounds : Math.max(this.#goal.rounds, leastPlan(round + 1, this.#outer));
    }
    this.#firstRound ??= round;
    // the first quarter is left out: engines are still being compiled
    if (now - this.#startedAt < this.#measuring / 4) return undefined;
    this.#mark ??= { at: now, round };
    if (now - this.#startedAt < this.#measuring || round === this.#mark.round) return undefined;
    const roundsPerMs = (round - this.#mark.round) / (now - this.#mark.at);
    // what a resumed run did before is taken to have had this pace
    const spent = now - this.#startedAt + this.#firstRound / roundsPerMs;
    const rounds = round + Math.round(roundsPerMs * (1000 * this.#goal.seconds - spent));
    return Math.max(rounds, leastPlan(round + 1, this.#outer));
  }
}
