/**
 * What decides how long trials run. Events go in, decisions come out, and a decision depends on the events before it
 * alone: the same events in the same order give the same decisions, which is how a sweep is resumed.
 */

/** What a trial reported after a round. */
export interface Report {
  trial: number;
  round: number;
  /** Lower is better; +∞ where the trial had no finite value, as after it diverged. */
  cost: number;
}

export type Decision =
  /** A new trial, numbered on from the last; it runs to a round. */
  | { action: 'create'; trial: number; to: number }
  /** A trial goes on from where it paused. It costs nothing to have paused. */
  | { action: 'run'; trial: number; to: number }
  /**
   * A trial goes on from the state of another, φ and outer optimizer, as it was after round `at`, with varied parameters.
   * Comes before the decision by which that other one goes on.
   */
  | { action: 'fork'; trial: number; from: number; at: number; to: number }
  /** A trial has run to the end, or goes no further. */
  | { action: 'stop'; trial: number; outcome: Outcome };

export type Outcome = 'complete' | 'pruned';

export interface Step<State> {
  state: State;
  decisions: readonly Decision[];
}

/** An algorithm as pure functions; its state is a value. */
export interface Scheduler<State> {
  /**
   * Whether decisions are to depend on results alone. Reports then come in the order in which the runs were decided on, and
   * the whole sweep has the same bits whenever they arrived; else reports come as they arrive.
   */
  readonly synchronous: boolean;
  init(): Step<State>;
  report(state: State, report: Report): Step<State>;
}

/** A scheduler with its state. */
export interface SchedulerSession {
  readonly synchronous: boolean;
  begin(): readonly Decision[];
  report(report: Report): readonly Decision[];
}

export function sessionOf<State>(scheduler: Scheduler<State>): SchedulerSession {
  let state: State | undefined;
  const take = (step: Step<State>) => {
    state = step.state;
    return step.decisions;
  };
  return {
    synchronous: scheduler.synchronous,
    begin: () => take(scheduler.init()),
    report: (report) => take(scheduler.report(state!, report)),
  };
}

/** Orders reports from the best; equal ones by trial. */
export function byCost(a: Pick<Report, 'trial' | 'cost'>, b: Pick<Report, 'trial' | 'cost'>): number {
  // the difference of two infinities is NaN
  return a.cost === b.cost ? a.trial - b.trial : a.cost - b.cost;
}

/** Rounds least, least·eta, least·eta², … below `rounds`, then `rounds`. */
export function geometricRungs(least: number, eta: number, rounds: number): number[] {
  const rungs: number[] = [];
  for (let rung = least; Math.round(rung) < rounds; rung *= eta) {
    if (Math.round(rung) > (rungs.at(-1) ?? 0)) rungs.push(Math.round(rung));
  }
  return [...rungs, rounds];
}

/** Decisions to create trials first, first + 1, … */
export function createTrials(first: number, count: number, to: number): Decision[] {
  return Array.from({ length: count }, (_, i) => ({ action: 'create', trial: first + i, to }));
}
