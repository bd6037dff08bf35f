/** A comparison as text: the cells of its table and its verdict. */
import { type ComparedOptimizer, CRITERIA, type Criterion } from '../comparison.js';
import { short } from './numbers.js';

/** A column of the comparison's table; the first one names the optimizer. */
export interface ComparisonColumn {
  title: string;
  /** Replaces a title that is ambiguous out of context, in pages for screen readers. */
  fullTitle?: string;
  cell(row: ComparedOptimizer): string;
  /** The value to rank optimizers by, lower first; null if it does not rank. */
  rank?: (row: ComparedOptimizer) => number | null;
}

export const COMPARISON_COLUMNS: readonly ComparisonColumn[] = [
  { title: 'optimizer', cell: ({ name }) => name },
  { title: 'sum f(θ_t)', cell: ({ sum }) => withError(sum.mean, sum.standardError), rank: ({ sum }) => sum.mean },
  { title: 'at rate', fullTitle: 'learning rate for sum', cell: ({ sum }) => short(sum.learningRate) },
  {
    title: 'final f(θ_T)',
    cell: ({ final }) => withError(final.mean, final.standardError),
    rank: ({ final }) => final.mean,
  },
  {
    title: 'median',
    fullTitle: 'median of final',
    cell: ({ final }) => short(final.median),
    rank: ({ final }) => final.median,
  },
  {
    title: 'log10',
    fullTitle: 'log10 of final',
    cell: ({ final }) => (final.mean !== null && final.mean > 0 ? Math.log10(final.mean).toFixed(2) : '-'),
  },
  { title: 'at rate', fullTitle: 'learning rate for final', cell: ({ final }) => short(final.learningRate) },
  { title: 'diverged', cell: ({ divergenceRate }) => `${(100 * divergenceRate).toFixed(1)} %` },
];

function withError(mean: number | null, error: number | null): string {
  return mean === null ? 'not finite' : `${short(mean)} ± ${short(error)}`;
}

/** The comparison as a table for a terminal. */
export function tableOf(rows: readonly ComparedOptimizer[]): string {
  const header = COMPARISON_COLUMNS.map(({ title }) => title);
  const cells = rows.map((row) => COMPARISON_COLUMNS.map(({ cell }) => cell(row)));
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return [line(header), ...cells.map(line)].join('\n');
}

/** Whether the learned optimizer, which comes first, is ahead of the others, in a sentence. */
export function verdictOf(rows: readonly ComparedOptimizer[]): string {
  const [learned, ...others] = rows;
  const verdicts = CRITERIA.map((criterion) => {
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
