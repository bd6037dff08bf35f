/** Holds a learned optimizer against hand-designed ones at their best learning rates. */
import type { Curve } from './curve.js';
import type { Scores, Statistics } from './evaluation.js';

/** The two numbers by which optimizers are compared; each is tuned for by itself. */
export type Criterion = 'sum' | 'final';
export const CRITERIA: readonly Criterion[] = ['sum', 'final'];

/** One row of a comparison. */
export interface ComparedOptimizer {
  name: string;
  sum: Statistics & { learningRate: number | null };
  final: Statistics & { learningRate: number | null };
  divergenceRate: number;
  /** The learning curve, at the learning rate that is best for `final`; null if there is none. */
  curve: Curve | null;
}

/** Points of the grid in a factor of ten. */
const PER_DECADE = 3;
const GRID_FROM = -9; // 10^−3
const GRID_TO = 0; // 10^0
const MOST_EXTENSIONS = 12;

/** The learning rate at a point of the grid. */
export function gridRate(point: number): number {
  return Number((10 ** (point / PER_DECADE)).toPrecision(3));
}

/** A learning rate and its scores on the functions for tuning. */
interface Trial {
  point: number;
  scores: Scores;
}

/**
 * The best learning rate for each criterion: a logarithmic grid from 10^−3 to 1, grown at an edge for as long as a best
 * one lies there (at most 12 times). A non-finite mean disqualifies.
 *
 * @returns null for a criterion for which no learning rate gives a finite mean
 */
export async function tuneLearningRate(
  measure: (rate: number) => Promise<Scores>,
): Promise<Record<Criterion, number | null>> {
  const points = Array.from({ length: GRID_TO - GRID_FROM + 1 }, (_, index) => GRID_FROM + index);
  let trials = await Promise.all(
    points.map(async (point): Promise<Trial> => ({ point, scores: await measure(gridRate(point)) })),
  );
  for (let extensions = 0; extensions < MOST_EXTENSIONS; extensions++) {
    const lowest = trials[0]!.point;
    const highest = trials.at(-1)!.point;
    const best = CRITERIA.map((criterion) => bestOf(trials, criterion)?.point ?? lowest);
    if (best.includes(lowest)) {
      trials = [{ point: lowest - 1, scores: await measure(gridRate(lowest - 1)) }, ...trials];
    } else if (best.includes(highest)) {
      trials = [...trials, { point: highest + 1, scores: await measure(gridRate(highest + 1)) }];
    } else {
      break;
    }
  }
  const rateOf = (trial: Trial | undefined) => (trial ? gridRate(trial.point) : null);
  return { sum: rateOf(bestOf(trials, 'sum')), final: rateOf(bestOf(trials, 'final')) };
}

function bestOf(trials: readonly Trial[], criterion: Criterion): Trial | undefined {
  let best: Trial | undefined;
  for (const trial of trials) {
    const mean = trial.scores[criterion].mean;
    if (mean !== null && (!best || mean < best.scores[criterion].mean!)) best = trial;
  }
  return best;
}

/** Scores with the learning curve behind them. */
export type ScoresAndCurve = Scores & { curve: Curve };

/** How a comparison measures: on functions for tuning, or on fresh ones. */
export interface Measures {
  learned(): Promise<ScoresAndCurve>;
  tune(name: string, learningRate: number): Promise<Scores>;
  fresh(name: string, learningRate: number): Promise<ScoresAndCurve>;
}

/** The learned optimizer, then every hand-designed one at its best learning rates. `tuned` is told of each as it is done. */
export async function compare(
  names: readonly string[],
  measures: Measures,
  tuned: (row: ComparedOptimizer) => void = () => {},
): Promise<ComparedOptimizer[]> {
  const learned = await measures.learned();
  const rows: ComparedOptimizer[] = [
    {
      name: 'learned',
      sum: { learningRate: null, ...learned.sum },
      final: { learningRate: null, ...learned.final },
      divergenceRate: learned.divergenceRate,
      curve: learned.curve,
    },
  ];
  tuned(rows[0]!);
  for (const name of names) {
    const rates = await tuneLearningRate((rate) => measures.tune(name, rate));
    const row = await measureTuned(name, rates, measures);
    rows.push(row);
    tuned(row);
  }
  return rows;
}

async function measureTuned(
  name: string,
  rates: Record<Criterion, number | null>,
  measures: Measures,
): Promise<ComparedOptimizer> {
  const none: Statistics = { mean: null, standardError: null, median: null };
  const forSum = rates.sum === null ? undefined : await measures.fresh(name, rates.sum);
  const forFinal =
    rates.final === null ? undefined : rates.final === rates.sum ? forSum : await measures.fresh(name, rates.final);
  return {
    name,
    sum: { learningRate: rates.sum, ...(forSum?.sum ?? none) },
    final: { learningRate: rates.final, ...(forFinal?.final ?? none) },
    divergenceRate: forFinal?.divergenceRate ?? 1,
    curve: forFinal?.curve ?? null,
  };
}
