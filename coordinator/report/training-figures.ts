/** The figures of a run's training, by round. */
import type { Criterion } from '../comparison.js';
import type { Figure } from './figure.js';
import type { EvaluatedRound, RunHistory } from './history.js';
import { type ChartPoint, type LineChart, yScaleOf } from './line-chart.js';
import { grouped, short } from './numbers.js';
import { MOST_POINTS, thinned } from './thin.js';

/** The figures that have data. */
export function trainingFigures(history: RunHistory): Figure[] {
  const { evaluations } = history;
  const loss = thinned(history.metaLoss);
  const figures = [
    figureOf({
      id: 'meta-loss',
      title: 'Meta-loss',
      what: 'meta-loss of an episode',
      caption: `Sum of the losses over an episode of the training problems${bandSentence(loss)}.`,
      points: loss,
    }),
    ...heldOutFigures(evaluations),
    figureOf({
      id: 'learning-rate',
      title: 'Learning rate',
      what: 'learning rate',
      caption: 'Learning rate of the outer optimizer.',
      // it changes too slowly to need a band
      points: thinned(history.learningRate).map(({ x, y }) => ({ x, y })),
    }),
  ];
  return figures.filter(({ chart }) => chart.lines[0]!.points.length > 0);
}

function heldOutFigures(evaluations: readonly EvaluatedRound[]): Figure[] {
  const many = evaluations.length > MOST_POINTS;
  const pointsOf = many ? thinnedMeans : meansWithErrors;
  const caption = (what: string) =>
    many
      ? `${what}, mean over held-out functions; every point is the median of neighbouring evaluations, the band reaches from quartile to quartile.`
      : `${what}, mean over held-out functions with its standard error.`;
  return [
    figureOf({
      id: 'held-out-sum',
      title: 'Held-out evaluation: sum',
      what: 'held-out sum',
      caption: caption('Sum of the losses over all steps'),
      points: pointsOf(evaluations, 'sum'),
    }),
    figureOf({
      id: 'held-out-final',
      title: 'Held-out evaluation: final loss',
      what: 'held-out final loss',
      caption: caption('Loss after the last step'),
      points: pointsOf(evaluations, 'final'),
    }),
  ];
}

function meansWithErrors(evaluations: readonly EvaluatedRound[], criterion: Criterion): ChartPoint[] {
  return evaluations.map(({ round: x, [criterion]: { mean: y, standardError: error } }) => {
    if (y === null || error === null) return { x, y };
    // an error larger than the mean must not make the axis linear
    return { x, y, low: y > 0 ? Math.max(0, y - error) : y - error, high: y + error };
  });
}

function thinnedMeans(evaluations: readonly EvaluatedRound[], criterion: Criterion): ChartPoint[] {
  const finite = evaluations.filter((evaluated) => evaluated[criterion].mean !== null);
  return thinned({
    rounds: finite.map(({ round }) => round),
    values: finite.map((evaluated) => evaluated[criterion].mean!),
  });
}

interface Described extends Pick<Figure, 'id' | 'title' | 'caption'> {
  /** The line's name, for use within a sentence. */
  what: string;
  points: readonly ChartPoint[];
}

function figureOf({ id, title, what, caption, points }: Described): Figure {
  const lines = [{ name: what, points }];
  const y = yScaleOf(lines);
  const chart: LineChart = { lines, xName: 'round', y, dots: points.length <= 40 };
  const scale = y.kind === 'log' ? ' The scale is logarithmic.' : '';
  return { id, title, caption: `${caption}${scale}`, description: descriptionOf(what, points), chart };
}

function bandSentence(points: readonly ChartPoint[]): string {
  const thin = points.some(({ low }) => low !== undefined);
  return thin ? '; every point is the median of neighbouring episodes, the band reaches from quartile to quartile' : '';
}

function descriptionOf(what: string, points: readonly ChartPoint[]): string {
  const finite = points.flatMap(({ x, y }) => (y === null ? [] : [{ x, y }]));
  const [first, last] = [finite[0], finite.at(-1)];
  if (!first || !last) return `The ${what} is not finite.`;
  const least = finite.reduce((best, point) => (point.y < best.y ? point : best));
  const at = ({ x, y }: { x: number; y: number }) => `${short(y)} at round ${grouped(x)}`;
  return `The ${what} is ${at(first)} and ${at(last)}; the least is ${at(least)}.`;
}
