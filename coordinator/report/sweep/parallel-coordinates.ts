/** Parallel coordinates: every trial is a line through its parameters to its value. */
import type { EChartsOption, ParallelSeriesOption } from 'echarts';
import { chartAxis, legible } from '../axes.js';
import { FONT, LETTER } from '../end-labels.js';
import { html } from '../markup.js';
import type { Palette } from '../palette.js';
import { type Picture, scrolling } from '../picture.js';
import { valueScale } from '../scale.js';
import { type Drawing, renderSvg } from '../svg.js';
import {
  jitterOf,
  type ParameterAxis,
  parameterAxis,
  parametersText,
  valuesText,
  valueText,
} from './parameter-axis.js';
import { bestTrial, type ReportedSweep, type ReportedTrial, ranked } from './reported-sweep.js';
import { type Look, lineLegend, lookStyle } from './standing.js';

/** Parameters that fit side by side. */
const MOST_AXES = 8;
/** Distance between axes that are stacked, as on a phone. */
const AXIS_HEIGHT = 74;
/** Narrower charts have stacked axes. */
const WIDE = 600;

/** Opacity of crossing lines if there are few; more lines are fainter, complete trials less so. */
const OPACITY = 0.65;
const FEW = 30;

interface ParallelLine {
  look: Look;
  /** A coordinate on every axis. */
  places: number[];
}

interface ParallelChart {
  axes: readonly ParameterAxis[];
  /** The best one first. */
  lines: readonly ParallelLine[];
}

/** @param names of the parameters, the most important first. Undefined if no trial has a value. */
export function parallelCoordinates(sweep: ReportedSweep, names: readonly string[]): Picture | undefined {
  const { plan, trials } = sweep;
  const best = bestTrial(sweep);
  if (!best) return undefined;
  const shown = names.slice(0, MOST_AXES);
  const chart = chartOf(sweep, shown, best);
  const left = names.length - shown.length;
  const stacked = 60 + AXIS_HEIGHT * shown.length;
  return {
    id: 'parallel-coordinates',
    title: `Parameters and ${plan.metric.name}`,
    caption:
      `Every line is a trial, and meets each axis at the trial's value. Trials without a finite ${plan.metric.name} do not reach the last axis.` +
      (trials.length > FEW && chart.axes.some(({ kind }) => kind === 'choices')
        ? ' Trials with the same choice lie side by side.'
        : '') +
      (left > 0 ? ` Of the ${names.length} parameters, the ${MOST_AXES} that mattered most are shown.` : ''),
    description: descriptionOf(sweep, best),
    legend: lineLegend(chart.lines.map(({ look }) => look)),
    heights: { wide: 440, narrow: stacked },
    draw: (drawing) => renderSvg(optionOf(chart, drawing), drawing),
    numbers: scrolling(
      'Numbers of the parallel coordinates',
      html`<table><thead><tr><th scope="col">trial</th>${shown.map((name) => html`<th scope="col">${name}</th>`)}<th scope="col">${plan.metric.name}</th></tr></thead><tbody>${ranked(
        { plan, trials },
      )
        .slice(0, 11)
        .map(
          ({ number, parameters, value }) =>
            html`<tr><th scope="row">${number}</th>${shown.map((name) => html`<td>${valueText(parameters[name])}</td>`)}<td>${valueText(value ?? undefined)}</td></tr>\n`,
        )}</tbody></table>`,
    ),
  };
}

function chartOf({ plan, trials }: ReportedSweep, names: readonly string[], best: ReportedTrial): ParallelChart {
  const axes = names.map((name) => {
    const { domain } = plan.space.find((parameter) => parameter.name === name)!;
    return parameterAxis(
      name,
      domain,
      trials.map(({ parameters }) => parameters[name]!),
    );
  });
  const values = trials.flatMap(({ value }) => value ?? []);
  const metric = valueScale(values);
  const metricAxis: ParameterAxis = {
    name: plan.metric.name,
    kind: metric.kind,
    scale: metric,
    place: (value) => metric.place(Number(value)),
  };
  const many = trials.length > FEW;
  const others = trials.filter((trial) => trial !== best);
  const lines = [best, ...others].map(
    ({ number, parameters, value, standing }, index): ParallelLine => ({
      look: index === 0 ? 'best' : standing,
      places: [
        ...axes.map((axis) => axis.place(parameters[axis.name]!) + (many ? jitterOf(axis, number) : 0)),
        value === null ? Number.NaN : metric.place(value),
      ],
    }),
  );
  return { axes: [...axes, metricAxis], lines };
}

function optionOf({ axes, lines }: ParallelChart, { size: [width, height], palette }: Drawing): EChartsOption {
  const vertical = width < WIDE;
  const letters = (labels: readonly string[]) => LETTER * Math.max(0, ...labels.map(({ length }) => length));
  const lastLabels = letters(axes.at(-1)!.scale.ticks.map(({ label }) => label));
  const frame = vertical
    ? { left: 18, right: 22, top: 34, bottom: 30 }
    : { left: Math.max(24, letters([axes[0]!.name]) / 2), right: Math.max(lastLabels + 14, 30), top: 58, bottom: 20 };
  const looks = [...new Set(lines.map(({ look }) => look))];
  // the best trial's series comes last and is drawn on top
  const series = looks.toReversed().map((look): ParallelSeriesOption => {
    const style = lookStyle(look, palette, lines.length);
    return {
      type: 'parallel',
      silent: true,
      progressive: 0,
      animation: false,
      z: look === 'best' ? 4 : 3,
      lineStyle: {
        color: style.colour,
        width: style.width,
        type: style.dash.length > 0 ? [...style.dash] : 'solid',
        opacity: opacityOf(look, lines.length),
      },
      data: lines.filter((line) => line.look === look).map(({ places }) => places),
    };
  });
  return {
    animation: false,
    textStyle: { fontFamily: FONT.family, fontSize: FONT.size },
    parallel: { ...frame, layout: vertical ? 'vertical' : 'horizontal', axisExpandable: false },
    parallelAxis: axes.map(({ scale }, dim) => {
      const axis = chartAxis(scale, palette, false);
      const axisLabel = { ...axis.axisLabel, ...legible(palette), color: palette.text };
      return { dim, ...axis, axisLabel, silent: true, z: 5 };
    }),
    series,
    graphic: namesOf(axes, vertical, frame, [width, height], palette),
  };
}

function opacityOf(look: Look, count: number): number {
  if (look === 'best') return 1;
  const share = Math.min(1, FEW / count);
  return OPACITY * (look === 'stopped' ? share : share ** 0.25);
}

/** The axes' names, staggered in two rows so that they do not overlap. */
function namesOf(
  axes: readonly ParameterAxis[],
  vertical: boolean,
  { left, right, top, bottom }: { left: number; right: number; top: number; bottom: number },
  [width, height]: readonly [number, number],
  palette: Palette,
): NonNullable<EChartsOption['graphic']> {
  const gaps = Math.max(1, axes.length - 1);
  return axes.flatMap(({ name, kind }, index) => {
    const words = kind === 'log' ? [name, '(log)'] : [name];
    const end = index === axes.length - 1;
    const [x, y] = vertical
      ? [left, top + (index * (height - top - bottom)) / gaps - 14]
      : [left + (index * (width - left - right)) / gaps, index % 2 === 0 ? 34 : 12];
    const align = vertical ? ('left' as const) : end ? ('right' as const) : ('center' as const);
    return [
      {
        type: 'text' as const,
        silent: true,
        x: !vertical && end ? width - 2 : x,
        y,
        z: 10,
        style: {
          text: words.join(' '),
          fill: palette.text,
          stroke: palette.ground,
          lineWidth: 3,
          font: `${end ? 'bold ' : ''}${FONT.size}px ${FONT.family}`,
          textAlign: align,
          verticalAlign: 'middle' as const,
        },
      },
    ];
  });
}

/** How many trials the description counts as the best. */
const BEST = 3;

function descriptionOf(sweep: ReportedSweep, best: ReportedTrial): string {
  const { plan } = sweep;
  const own = `The best trial, ${best.number}, has ${parametersText(plan.space, best.parameters)}, and ${plan.metric.name} ${valueText(best.value ?? undefined)}.`;
  const top = ranked(sweep)
    .filter(({ value }) => value !== null)
    .slice(0, BEST);
  if (top.length < BEST) return own;
  const ranges = plan.space.map((parameter) => {
    const values = top.map(({ parameters }) => parameters);
    return `${parameter.name} ${valuesText(parameter, values)}`;
  });
  return `${own} The three with the best values have ${ranges.join(', ')}.`;
}
