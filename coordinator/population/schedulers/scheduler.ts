/**
 * Schedulers decide how long trials run. Events go in and instructions come out. Instructions depend only on earlier events:
 * the same events in the same order give the same instructions, so that a sweep can be resumed.
 */

/** What a trial reported after a round. */
export interface Report {
  trial: number;
  round: number;
  /** Lower is better; +∞ for a value that was not finite, for example after a divergence. */
  cost: number;
}

export type Instruction =
  /** A new trial with the next number runs to a round. */
  | { action: 'create'; trial: number; to: number }
  /** A paused trial continues. Pausing costs nothing. */
  | { action: 'run'; trial: number; to: number }
  /**
   * A trial continues from the state of another, φ and outer optimizer, after round `at`, with varied parameters. This
   * instruction precedes the one by which the other trial continues.
   */
  | { action: 'fork'; trial: number; from: number; at: number; to: number }
  /** A trial has run in full, or is stopped early. */
  | { action: 'stop'; trial: number; end: TrialEnd };

export type TrialEnd = 'complete' | 'pruned';

export interface Step<State> {
  state: State;
  instructions: readonly Instruction[];
}

/** A scheduling algorithm as pure functions; its state is a value. */
export interface Scheduler<State> {
  /**
   * Whether instructions may depend on results only, not on their timing. If so, reports are delivered in the order of the
   * instructions to run, and the sweep has the same bits whenever they arrive; if not, they are delivered as they arrive.
   */
  readonly synchronous: boolean;
  init(): Step<State>;
  report(state: State, report: Report): Step<State>;
}

/** A scheduler with its state. */
export interface SchedulerSession {
  readonly synchronous: boolean;
  begin(): readonly Instruction[];
  report(report: Report): readonly Instruction[];
}

export function sessionOf<State>(scheduler: Scheduler<State>): SchedulerSession {
  let state: State | undefined;
  const take = (step: Step<State>) => {
    state = step.state;
    return step.instructions;
  };
  return {
    synchronous: scheduler.synchronous,
    begin: () => take(scheduler.init()),
    report: (report) => take(scheduler.report(state!, report)),
  };
}

/** Orders reports from the best; ties by trial. */
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

/** Instructions to create trials first, first + 1, … */
export function createTrials(first: number, count: number, to: number): Instruction[] {
  return Array.from({ length: count }, (_, i) => ({ action: 'create', trial: first + i, to }));
}
