/** Asynchronous successive halving (Li et al. 2020, "A system for massively parallel hyperparameter tuning", algorithm 2). */
import { byCost, type Instruction, type Report, type Scheduler, type Step } from './scheduler.js';

export interface AshaOptions {
  trials: number;
  /** Rounds of the rungs, ascending. */
  rungs: readonly number[];
  eta: number;
  /** Trials that run concurrently. */
  parallel: number;
}

interface Rung {
  reports: readonly Report[];
  /** Trials promoted from here. */
  promoted: readonly number[];
}

export interface AshaState {
  created: number;
  running: number;
  rungs: readonly Rung[];
}

/**
 * When a slot is free, promotes the best trial that is among the best 1/eta of its rung and not promoted yet, from the
 * highest rung that has one; if none has, a new trial begins. Paused trials may be promoted later; at the end the rest
 * count as pruned.
 */
export function asha({ trials, rungs, eta, parallel }: AshaOptions): Scheduler<AshaState> {
  const top = rungs.length - 1;

  function nextJob(state: AshaState): Step<AshaState> | undefined {
    for (let level = top - 1; level >= 0; level--) {
      const { reports, promoted } = state.rungs[level]!;
      const best = reports.toSorted(byCost).slice(0, Math.floor(reports.length / eta));
      const next = best.find(({ trial, cost }) => Number.isFinite(cost) && !promoted.includes(trial));
      if (!next) continue;
      const rung = { reports, promoted: [...promoted, next.trial] };
      return {
        state: { ...state, running: state.running + 1, rungs: state.rungs.with(level, rung) },
        instructions: [{ action: 'run', trial: next.trial, to: rungs[level + 1]! }],
      };
    }
    if (state.created === trials) return undefined;
    return {
      state: { ...state, created: state.created + 1, running: state.running + 1 },
      instructions: [{ action: 'create', trial: state.created, to: rungs[0]! }],
    };
  }

  function fill(before: AshaState, first: readonly Instruction[]): Step<AshaState> {
    let state = before;
    const instructions = [...first];
    while (state.running < parallel) {
      const job = nextJob(state);
      if (!job) break;
      state = job.state;
      instructions.push(...job.instructions);
    }
    if (state.running === 0) instructions.push(...paused(state));
    return { state, instructions };
  }

  function paused(state: AshaState): Instruction[] {
    const left = state.rungs.slice(0, top).flatMap(({ reports, promoted }) => {
      return reports.map(({ trial }) => trial).filter((trial) => !promoted.includes(trial));
    });
    return left.sort((a, b) => a - b).map((trial) => ({ action: 'stop', trial, end: 'pruned' }));
  }

  return {
    synchronous: false,
    init: () => fill({ created: 0, running: 0, rungs: rungs.map(() => ({ reports: [], promoted: [] })) }, []),
    report(state, report) {
      const level = rungs.indexOf(report.round);
      const { reports, promoted } = state.rungs[level]!;
      const rung = { reports: [...reports, report], promoted };
      const { trial } = report;
      const after = { ...state, running: state.running - 1, rungs: state.rungs.with(level, rung) };
      return fill(after, level === top ? [{ action: 'stop', trial, end: 'complete' }] : []);
    },
  };
}
