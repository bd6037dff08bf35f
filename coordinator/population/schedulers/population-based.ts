/** Population-based training (Jaderberg et al. 2017, arXiv 1711.09846) with truncation selection. */
import type { Draws } from '../draws.js';
import { byCost, createTrials, type Instruction, type Report, type Scheduler } from './scheduler.js';

export interface PopulationOptions {
  /** Size of the population. */
  trials: number;
  rounds: number;
  /** Rounds between two selections. */
  every: number;
  /** The share of the population that is replaced by copies of an equal share of the best; below 1/2. */
  truncation: number;
  /** Random draws for a trial at a round. */
  draws: (trial: number, round: number) => Draws;
}

/**
 * All trials run to the next selection. There, each of the worst continues from the state of one of the best, picked at
 * random, with varied parameters. A trial without a finite cost is replaced whenever some trial has one.
 */
export function populationBased({
  trials,
  rounds,
  every,
  truncation,
  draws,
}: PopulationOptions): Scheduler<readonly Report[]> {
  const share = Math.min(Math.max(1, Math.floor(truncation * trials)), Math.floor(trials / 2));
  return {
    synchronous: true,
    init: () => ({ state: [], instructions: createTrials(0, trials, Math.min(every, rounds)) }),
    report(before, report) {
      const reports = [...before, report];
      if (reports.length < trials) return { state: reports, instructions: [] };
      const { round } = report;
      const ranked = reports.toSorted(byCost);
      if (round === rounds) {
        const stops = Array.from(
          { length: trials },
          (_, trial): Instruction => ({ action: 'stop', trial, end: 'complete' }),
        );
        return { state: [], instructions: stops };
      }
      const to = Math.min(round + every, rounds);
      const best = ranked.slice(0, share).filter(({ cost }) => Number.isFinite(cost));
      const worst =
        best.length === 0 ? [] : ranked.filter(({ cost }, i) => i >= trials - share || !Number.isFinite(cost));
      const replaced = new Set(worst.map(({ trial }) => trial));
      const forks = [...replaced]
        .sort((a, b) => a - b)
        .map((trial): Instruction => {
          const from = best[Math.floor(draws(trial, round)(0) * best.length)]!.trial;
          return { action: 'fork', trial, from, at: round, to };
        });
      const runs: Instruction[] = [];
      for (let trial = 0; trial < trials; trial++) if (!replaced.has(trial)) runs.push({ action: 'run', trial, to });
      return { state: [], instructions: [...forks, ...runs] };
    },
  };
}
