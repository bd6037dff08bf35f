/** The figures of a live page, as markup. */
import type { Criterion } from '../../coordinator/comparison.js';
import { type Figure, fullFigure, halfFigure } from '../../coordinator/report/figure.js';
import type { RunHistory } from '../../coordinator/report/history.js';
import { type ChartLine, yScaleOf } from '../../coordinator/report/line-chart.js';
import { short } from '../../coordinator/report/numbers.js';
import { trainingFigures } from '../../coordinator/report/training-figures.js';
import type { Baseline } from './live-data.js';

const HELD_OUT: Readonly<Record<string, Criterion>> = { 'held-out-sum': 'sum', 'held-out-final': 'final' };

/** The training figures. Held-out evaluations come first, with tuned hand-designed optimizers once known. */
export async function liveFigures(history: RunHistory, baselines: readonly Baseline[]): Promise<string> {
  const whole: string[] = [];
  const halves: string[] = [];
  for (const figure of trainingFigures(history)) {
    const criterion = HELD_OUT[figure.id];
    if (criterion === undefined || baselines.length === 0) halves.push((await halfFigure(figure)).text);
    else whole.push((await fullFigure(withBaselines(figure, criterion, baselines))).text);
  }
  return `${whole.join('')}<div class="halves">${halves.join('')}</div>`;
}

/** Adds a level for every hand-designed optimizer. */
export function withBaselines(figure: Figure, criterion: Criterion, baselines: readonly Baseline[]): Figure {
  const [learned] = figure.chart.lines;
  const end = learned?.points.at(-1)?.x ?? 0;
  const levels = baselines.flatMap((baseline, index): ChartLine[] => {
    const { mean } = baseline[criterion];
    if (mean === null) return [];
    return [{ name: baseline.name, points: [0, end].map((x) => ({ x, y: mean })), style: index + 1 }];
  });
  const lines = [{ ...learned!, name: 'learned' }, ...levels];
  const best = baselines
    .filter((baseline) => baseline[criterion].mean !== null)
    .sort((a, b) => a[criterion].mean! - b[criterion].mean!)[0];
  const against = best ? ` The best hand-designed optimizer, ${best.name}, has ${short(best[criterion].mean)}.` : '';
  return {
    ...figure,
    caption: `${figure.caption} Levels: hand-designed optimizers on the same functions, each at its best learning rate.`,
    description: `${figure.description}${against}`,
    chart: { ...figure.chart, lines, y: yScaleOf(lines), dots: false },
  };
}
