/** Compares φ with the hand-designed optimizers on this machine's threads, and prints the table. */
import { type ComparedOptimizer, type Criterion, compare } from '../coordinator/comparison.js';
import { chunksOf, type Scores, scoresOf } from '../coordinator/evaluation.js';
import { digestOf, type RunConfig } from '../shared/config.js';
import type { Purpose } from '../shared/random.js';
import { OPTIMIZERS, type OptimizerName } from '../worker/optimizers/registry.js';
import type { Pool } from '../worker/pool.js';
import type { Split } from '../worker/problems/problem.js';
import type { EvaluateTask } from '../worker/thread.js';

/** What is compared, on what. */
export interface CompareOptions {
  /** Problem, network and engine; the rest of it is not used. */
  config: RunConfig;
  phi: Float32Array;
  pool: Pool;
  /** Fresh functions to compare on. */
  functions: number;
  /** Functions of the training distribution to tune on. */
  tuneFunctions: number;
  /** Functions that are computed together. */
  chunk: number;
  seed: number;
  onRow?: (row: ComparedOptimizer) => void;
}

/** The learned optimizer and every hand-designed one, each at its best learning rates. */
export function compareOnPool(options: CompareOptions): Promise<ComparedOptimizer[]> {
  const { config, phi, pool, functions, tuneFunctions, chunk, seed, onRow } = options;
  const session = { digest: digestOf(config), config };
  async function measure(
    optimizer: EvaluateTask['optimizer'],
    purpose: Purpose,
    split: Split,
    count: number,
  ): Promise<Scores> {
    const chunks = chunksOf(count, chunk).map((part) =>
      pool.evaluate({ session, optimizer, request: { seed, purpose, split, horizon: config.horizon, ...part } }),
    );
    return scoresOf(await Promise.all(chunks));
  }
  const handDesigned = (name: string, learningRate: number) => ({ name: name as OptimizerName, learningRate });
  return compare(
    Object.keys(OPTIMIZERS),
    {
      learned: () => measure({ phi }, 'evaluate', 'test', functions),
      tune: (name, rate) => measure(handDesigned(name, rate), 'tune', 'train', tuneFunctions),
      fresh: (name, rate) => measure(handDesigned(name, rate), 'evaluate', 'test', functions),
    },
    onRow,
  );
}

const HEADER = ['optimizer', 'sum f(θ_t)', 'at rate', 'final f(θ_T)', 'median', 'log10', 'at rate', 'diverged'];

/** The comparison as a table for a person. */
export function tableOf(rows: readonly ComparedOptimizer[]): string {
  const cells = rows.map(({ name, sum, final, divergenceRate }) => [
    name,
    withError(sum.mean, sum.standardError),
    short(sum.learningRate),
    withError(final.mean, final.standardError),
    short(final.median),
    final.mean !== null && final.mean > 0 ? Math.log10(final.mean).toFixed(2) : '-',
    short(final.learningRate),
    `${(100 * divergenceRate).toFixed(1)} %`,
  ]);
  const widths = HEADER.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return [line(HEADER), ...cells.map(line)].join('\n');
}

/** Whether the learned optimizer is ahead, in a sentence. */
export function verdictOf(rows: readonly ComparedOptimizer[]): string {
  const [learned, ...others] = rows;
  const verdicts = (['sum', 'final'] as const).map((criterion) => {
    const best = bestBy(others, criterion);
    const mine = learned?.[criterion].mean ?? null;
    const theirs = best?.[criterion].mean ?? null;
    const ahead = mine !== null && (theirs === null || mine < theirs);
    return { ahead, text: `${criterion} ${short(mine)} against ${short(theirs)} (${best?.name ?? 'none'})` };
  });
  const text = verdicts.map((verdict) => verdict.text).join(', ');
  if (verdicts.every(({ ahead }) => ahead))
    return `The learned optimizer is ahead of every tuned hand-designed one: ${text}.`;
  if (verdicts.some(({ ahead }) => ahead))
    return `The learned optimizer is ahead of the tuned hand-designed ones in part: ${text}.`;
  return `The learned optimizer is not ahead of the best tuned hand-designed one: ${text}.`;
}

function bestBy(rows: readonly ComparedOptimizer[], criterion: Criterion): ComparedOptimizer | undefined {
  return rows.filter((row) => row[criterion].mean !== null).sort((a, b) => a[criterion].mean! - b[criterion].mean!)[0];
}

function withError(mean: number | null, error: number | null): string {
  return mean === null ? 'not finite' : `${short(mean)} ± ${short(error)}`;
}

/** Three or four digits, in whichever form is shorter. */
function short(value: number | null): string {
  if (value === null) return '-';
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}
