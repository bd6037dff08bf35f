/** A sweep as reported: its trials with their curves, and the best of them. */
import type { CurvePoint } from '../../population/curve.js';
import type { Parameters } from '../../population/domain.js';
import type { SweepPlan } from '../../population/plan.js';
import type { TrialHistory } from '../../population/trial-log/history.js';

/** `failed`: ended without a finite value; `open`: has not ended. */
export type Standing = 'complete' | 'stopped' | 'failed' | 'open';

export interface ReportedTrial {
  number: number;
  standing: Standing;
  /** The round of its last report; 0 if it has not reported. */
  round: number;
  /** The metric at its last report; null if it is not finite or missing. */
  value: number | null;
  /** Why it has no value, if that is known. */
  why: string | null;
  /** Its current parameters. */
  parameters: Parameters;
  /** By ascending round; for a forked trial, the parts computed by each of its segments. */
  curve: readonly CurvePoint[];
  history: Pick<TrialHistory, 'segments' | 'reports'>;
}

export type ReportedPlan = Pick<SweepPlan, 'metric' | 'space' | 'rounds' | 'trials' | 'scheduler'>;

export interface ReportedSweep {
  plan: ReportedPlan;
  /** By number. */
  trials: readonly ReportedTrial[];
}

/** Combines a trial's history from the log with its curve. */
export function reportedTrial(history: TrialHistory, curve: readonly CurvePoint[]): ReportedTrial {
  const { number, state, segments, reports, why } = history;
  const last = reports.at(-1);
  const standing: Record<TrialHistory['state'], Standing> = {
    running: 'open',
    complete: 'complete',
    pruned: 'stopped',
    fail: 'failed',
  };
  return {
    number,
    standing: standing[state],
    round: last?.round ?? 0,
    value: last?.value ?? null,
    why,
    parameters: segments.at(-1)!.parameters,
    curve,
    history: { segments, reports },
  };
}

/** Orders values from the best; null comes last. */
export function byValue(goal: SweepPlan['metric']['goal']): (a: number | null, b: number | null) => number {
  return (a, b) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return goal === 'minimize' ? a - b : b - a;
  };
}

/** The trials from the best to the worst value; ties by number. */
export function ranked({ plan, trials }: ReportedSweep): ReportedTrial[] {
  const order = byValue(plan.metric.goal);
  return trials.toSorted((a, b) => order(a.value, b.value) || a.number - b.number);
}

/** The best of the trials that ran in full; if none did, the best of those that got furthest. */
export function bestTrial(sweep: ReportedSweep): ReportedTrial | undefined {
  const valued = ranked(sweep).filter(({ value }) => value !== null);
  const furthest = valued.reduce((most, { round }) => Math.max(most, round), 0);
  return valued.find(({ round }) => round === furthest);
}

/** The parameters that a trial had when it reported after a round. */
export function parametersAt({ history }: Pick<ReportedTrial, 'history'>, round: number): Parameters {
  return history.segments.findLast(({ from }) => from === null || from.round < round)!.parameters;
}

/** Least number of reports at the compared round, as a share of the round with the most reports. */
const COMPARED = 0.75;

/** The trials' values after the same round. */
export interface Compared {
  round: number;
  values: readonly { parameters: Parameters; value: number }[];
}

/** Compares trials fairly: after the last round that most of them have reached. Null if none has reported. */
export function compared({ trials }: Pick<ReportedSweep, 'trials'>): Compared | null {
  const counts = new Map<number, number>();
  for (const { history } of trials) {
    for (const { round } of history.reports) counts.set(round, (counts.get(round) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  const common = [...counts].filter(([, count]) => count >= COMPARED * most).map(([round]) => round);
  if (common.length === 0) return null;
  const round = Math.max(...common);
  const values = trials.flatMap((trial) => {
    const value = trial.history.reports.find((report) => report.round === round)?.value ?? null;
    return value === null ? [] : [{ parameters: parametersAt(trial, round), value }];
  });
  return { round, values };
}
