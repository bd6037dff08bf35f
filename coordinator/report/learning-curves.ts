/** The figure of an evaluation: the loss at each step for φ and every tuned hand-designed optimizer. */
import type { ComparedOptimizer } from '../comparison.js';
import type { EvaluationReport } from './evaluation-report.js';
import type { Figure } from './figure.js';
import { type ChartLine, yScaleOf } from './line-chart.js';
import { grouped, short } from './numbers.js';
import type { Scale } from './scale.js';

/** The figures of a comparison. */
export interface LearningCurves {
  /** All optimizers together. */
  all: Figure;
  /** Each hand-designed optimizer with the learned one, on the same axes. */
  pairs: Figure[];
}

/** Undefined if no optimizer has a curve. */
export function learningCurves(report: EvaluationReport): LearningCurves | undefined {
  const { problem, functions, tuneFunctions, optimizers } = report;
  const lines = optimizers.flatMap(lineOf);
  if (lines.length === 0) return undefined;
  const y = yScaleOf(lines, capOf(lines));
  const axes = { xName: 'step', yName: 'loss', y };
  const missing = optimizers.filter(({ curve }) => !curve).map(({ name }) => name);
  const all: Figure = {
    id: 'learning-curves',
    title: `Learning curves on ${problem}`,
    caption:
      `Loss at every step, over ${grouped(functions)} fresh functions: the line is the median, the band reaches from ` +
      'the lower to the upper quartile. Every hand-designed optimizer has the learning rate with the least mean final ' +
      `loss on ${grouped(tuneFunctions)} other functions. ${scaleSentence(y)}` +
      (missing.length > 0 ? ` No learning rate gave ${missing.join(', ')} a finite loss.` : ''),
    description: descriptionOf(lines),
    chart: { lines, ...axes },
  };
  const [first, ...others] = lines;
  const pairs = others.map((other, index): Figure => {
    const pair = [first!, other];
    return {
      id: `learning-curves-${index + 1}`,
      title: `${first!.name} and ${other.name}`,
      caption: `${first!.name} (thick) and ${other.name}`,
      description: descriptionOf(pair),
      chart: { lines: pair, ...axes, yName: '', labels: false },
    };
  });
  return { all, pairs };
}

function lineOf({ name, curve }: ComparedOptimizer, style: number): ChartLine[] {
  if (!curve) return [];
  const { steps, median, lowerQuartile, upperQuartile } = curve;
  const points = steps.map((x, index) => ({
    x,
    y: median[index]!,
    low: lowerQuartile[index]!,
    high: upperQuartile[index]!,
  }));
  return [{ name, points, style }];
}

function scaleSentence({ kind }: Scale): string {
  return kind === 'log' ? 'The scale is logarithmic.' : 'The scale is linear, because some losses are not positive.';
}

/** Ten times the highest starting loss: diverging curves leave the chart instead of flattening the others. */
function capOf(lines: readonly ChartLine[]): number {
  const starts = lines.flatMap(({ points }) => [points[0]?.y, points[0]?.high]);
  const highest = Math.max(...starts.filter((value) => typeof value === 'number'));
  return highest > 0 ? 10 * highest : Number.POSITIVE_INFINITY;
}

/** The loss at the start and the end of every line, the lowest end first. */
function descriptionOf(lines: readonly ChartLine[]): string {
  const ends = lines.map(({ name, points }) => ({ name, end: points.at(-1)?.y ?? null }));
  const worst = Number.POSITIVE_INFINITY;
  ends.sort((a, b) => (a.end ?? worst) - (b.end ?? worst));
  const start = lines[0]?.points[0]?.y ?? null;
  const last = lines[0]?.points.at(-1)?.x ?? 0;
  const texts = ends.map(({ name, end }) => `${name} ${end === null ? 'not finite' : short(end)}`);
  return `The median loss is ${short(start)} at step 0. At step ${last} it is, lowest first: ${texts.join(', ')}.`;
}
