/** The learning curves of all members of a population, in one chart. */
import type { CurvePoint } from '../../population/curve.js';
import { METRICS } from '../../population/metric.js';
import { ascending, quantile } from '../../quantiles.js';
import { type ChartLine, drawLineChart, type LineChart, yScaleOf } from '../line-chart.js';
import { html, type Markup } from '../markup.js';
import { counted, grouped, short } from '../numbers.js';
import { type Picture, scrolling } from '../picture.js';
import type { Scale } from '../scale.js';
import { bestTrial, type ReportedSweep, type ReportedTrial, ranked, type Standing } from './reported-sweep.js';
import { type Look, lineLegend, lookStyle, STANDING_WORDS } from './standing.js';

/** Points of all curves together: more would make the page slow on a phone. */
const MOST_POINTS = 6000;
const FEWEST_OF_A_CURVE = 24;
/** Quantile of the trials' last values that the chart always shows. */
const MOST_OF_ALL = 0.9;

/** Undefined if no trial has a value yet. @param best is highlighted */
export function memberCurves(sweep: ReportedSweep, best = bestTrial(sweep)): Picture | undefined {
  const { plan, trials } = sweep;
  const drawn = trials.filter(({ curve }) => curve.some(({ value }) => value !== null));
  if (drawn.length === 0) return undefined;
  // the first line is drawn on top; among the others, trials that got further are drawn above those that did not
  const others = drawn.filter((trial) => trial !== best).sort((a, b) => a.round - b.round);
  const order = best && drawn.includes(best) ? [best, ...others] : others;
  const most = Math.max(FEWEST_OF_A_CURVE, Math.floor(MOST_POINTS / drawn.length));
  const lookOf = (trial: ReportedTrial): Look => (trial === best ? 'best' : trial.standing);
  const lines = order.map(
    (trial): ChartLine => ({
      name: `trial ${trial.number}`,
      points: sampled(trial.curve, most).map(({ round, value }) => ({ x: round, y: value })),
      style: (palette) => lookStyle(lookOf(trial), palette, drawn.length),
    }),
  );
  const y = yScaleOf(lines, capOf(sweep, best));
  const chart: LineChart = { lines, xName: 'round', yName: plan.metric.name, y, labels: best ? 'first' : false };
  return {
    id: 'member-curves',
    title: `${plan.metric.name} of all trials, round by round`,
    caption: captionOf(sweep, y),
    description: descriptionOf(sweep, best),
    legend: lineLegend(order.map(lookOf)),
    draw: (drawing) => drawLineChart(chart, drawing),
    numbers: numbersOf(sweep, best),
  };
}

/** Headroom over the cap: untrained φ's and diverging trials have higher values, which would flatten the curves. */
const MARGIN = 1.5;

/** Values above it may be off the chart. */
function capOf({ plan, trials }: ReportedSweep, best: ReportedTrial | undefined): number {
  const values = trials.flatMap(({ value }) => value ?? []).filter((value) => value > 0);
  if (plan.metric.goal === 'maximize' || values.length === 0) return Number.POSITIVE_INFINITY;
  const worst = quantile(ascending(Float64Array.from(values)), MOST_OF_ALL);
  const begun = best?.curve.find(({ round }) => round >= BEGUN * plan.rounds)?.value ?? 0;
  return MARGIN * Math.max(worst, begun);
}

/** Share of the rounds after which the best trial's curve is always shown. */
const BEGUN = 0.1;

/** At most `most` evenly spaced points, including the first and the last. */
export function sampled(points: readonly CurvePoint[], most: number): CurvePoint[] {
  if (points.length <= most) return [...points];
  const step = (points.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => points[Math.round(index * step)]!);
}

function captionOf({ plan, trials }: ReportedSweep, { kind, max }: Scale): string {
  const { name, goal } = plan.metric;
  const top = kind === 'log' ? 10 ** max : max;
  const beyond = trials.some(({ curve }) => curve.some(({ value }) => value !== null && value > top));
  const high = beyond ? ` Values above ${short(top)} are not shown.` : '';
  const better = goal === 'minimize' ? 'Lower is better' : 'Higher is better';
  const forked = trials.some(({ history }) => history.segments.length > 1);
  const jumps = forked ? ' When a trial becomes a copy of another, its line jumps to the other’s.' : '';
  return `${name} is ${METRICS[name].describe}. ${better}.${kind === 'log' ? ' The scale is logarithmic.' : ''}${high}${jumps}`;
}

/** Counts of trials by standing, as in `2 complete, 8 stopped early`. */
export function standingsOf(trials: readonly Pick<ReportedTrial, 'standing'>[]): string {
  return (Object.keys(STANDING_WORDS) as Standing[])
    .map((standing) => ({ standing, count: trials.filter((trial) => trial.standing === standing).length }))
    .filter(({ count }) => count > 0)
    .map(({ standing, count }) => `${grouped(count)} ${STANDING_WORDS[standing]}`)
    .join(', ');
}

function descriptionOf(sweep: ReportedSweep, best: ReportedTrial | undefined): string {
  const { plan, trials } = sweep;
  const all = `The curves of ${counted(trials.length, 'trial')}: ${standingsOf(trials)}.`;
  const points = best?.curve.filter(({ value }) => value !== null) ?? [];
  const [first, last] = [points[0], points.at(-1)];
  if (!best || !first || !last) return `${all} None has a finite ${plan.metric.name}.`;
  const own = `The best, trial ${best.number}, has ${plan.metric.name} ${short(first.value)} at round ${grouped(first.round)} and ${short(last.value)} at round ${grouped(last.round)}.`;
  const ends = ranked(sweep).filter((trial) => trial !== best && trial.value !== null);
  if (ends.length === 0) return `${all} ${own}`;
  return `${all} ${own} The others end between ${short(ends[0]!.value)} and ${short(ends.at(-1)!.value)}.`;
}

const MOST_ROWS = 11;
const MOST_COLUMNS = 6;

/** The values of the best trials at points of the best one's curve. */
function numbersOf(sweep: ReportedSweep, best: ReportedTrial | undefined): Markup {
  const others = ranked(sweep).filter((trial) => trial !== best && trial.curve.length > 0);
  const shown = [...(best ? [best] : []), ...others].slice(0, MOST_COLUMNS);
  const rounds = sampled(shown[0]?.curve ?? [], MOST_ROWS).map(({ round }) => round);
  const rows = rounds.map((round) => {
    const cells = shown.map(({ curve }) => {
      const past = round > (curve.at(-1)?.round ?? 0);
      const at = past ? undefined : curve.findLast((point) => point.round <= round);
      return html`<td>${short(at?.value ?? null)}</td>`;
    });
    return html`<tr><th scope="row">${grouped(round)}</th>${cells}</tr>\n`;
  });
  const heads = shown.map(({ number }) => html`<th scope="col">trial ${number}</th>`);
  return scrolling(
    'Numbers of the learning curves',
    html`<table><thead><tr><th scope="col">round</th>${heads}</tr></thead><tbody>${rows}</tbody></table>`,
  );
}
