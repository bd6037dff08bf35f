/** Slices: for every parameter, a scatter plot of the metric against its values, with a mark per trial. */
import type { EChartsOption, ScatterSeriesOption } from 'echarts';
import type { Parameter } from '../../population/domain.js';
import { chartAxis } from '../axes.js';
import { FONT, LETTER } from '../end-labels.js';
import { short } from '../numbers.js';
import type { Picture } from '../picture.js';
import { type Scale, valueScale } from '../scale.js';
import { type Drawing, renderSvg } from '../svg.js';
import { jitterOf, type ParameterAxis, parameterAxis, valuesText } from './parameter-axis.js';
import { bestTrial, type ReportedSweep, ranked } from './reported-sweep.js';
import { LOOKS, type Look } from './standing.js';

export type Slice = Omit<Picture, 'numbers'>;

interface Mark {
  look: Look;
  x: number;
  y: number;
}

/** A slice for each of the named parameters; empty if no trial has a value. */
export function slices(sweep: ReportedSweep, names: readonly string[]): Slice[] {
  const { plan, trials } = sweep;
  const valued = trials.filter(({ value }) => value !== null);
  if (valued.length === 0) return [];
  const y = valueScale(valued.map(({ value }) => value!));
  return names.map((name): Slice => {
    const parameter = plan.space.find((each) => each.name === name)!;
    const axis = parameterAxis(
      name,
      parameter.domain,
      trials.map(({ parameters }) => parameters[name]!),
    );
    const best = bestTrial(sweep);
    const marks = valued.map((trial): Mark => {
      const look = trial === best ? 'best' : trial.standing;
      const jitter = jitterOf(axis, trial.number);
      return { look, x: axis.place(trial.parameters[name]!) + jitter, y: y.place(trial.value!) };
    });
    return {
      id: `slice-${name.replace(/[^A-Za-z0-9]+/g, '-')}`,
      title: `${plan.metric.name} by ${name}`,
      caption: `${plan.metric.name} by ${name}${axis.kind === 'log' ? ', logarithmic' : ''}`,
      description: descriptionOf(sweep, parameter),
      draw: (drawing) => renderSvg(optionOf(axis, y, marks, drawing), drawing),
    };
  });
}

/** The looks of the marks in slices. */
export function markLooks(sweep: ReportedSweep): Look[] {
  const best = bestTrial(sweep);
  return sweep.trials.filter(({ value }) => value !== null).map((trial) => (trial === best ? 'best' : trial.standing));
}

function optionOf(
  axis: ParameterAxis,
  y: Scale,
  marks: readonly Mark[],
  { size: [width, height], palette }: Drawing,
): EChartsOption {
  const left = 10 + LETTER * Math.max(...y.ticks.map(({ label }) => label.length));
  const looks = Object.keys(LOOKS) as Look[];
  const series = looks.map((look): ScatterSeriesOption => {
    const { colour, mark } = LOOKS[look];
    const ink = palette.lines[colour]!;
    return {
      type: 'scatter',
      silent: true,
      progressive: 0,
      symbol: mark.symbol,
      symbolSize: mark.size,
      z: look === 'best' ? 4 : 3,
      itemStyle: mark.filled
        ? { color: ink, opacity: 0.85 }
        : { color: 'none', borderColor: ink, borderWidth: 1.5, opacity: 0.85 },
      data: marks.filter((each) => each.look === look).map(({ x, y: at }) => [x, at]),
    };
  });
  return {
    animation: false,
    textStyle: { fontFamily: FONT.family, fontSize: FONT.size },
    grid: { left, right: 22, top: 12, bottom: 28, outerBoundsMode: 'none' },
    xAxis: chartAxis(fitting(axis.scale, width - left - 22), palette, false),
    yAxis: chartAxis(fitting(y, height - 40), palette, true),
    series,
  };
}

/** Thins the scale's ticks until their labels fit. */
function fitting(scale: Scale, room: number): Scale {
  const longest = LETTER * Math.max(1, ...scale.ticks.map(({ label }) => label.length)) + 8;
  const every = Math.max(1, Math.ceil((scale.ticks.length * longest) / room));
  return { ...scale, ticks: scale.ticks.filter((_, index) => index % every === 0) };
}

const BEST = 3;

function descriptionOf(sweep: ReportedSweep, parameter: Parameter): string {
  const all = ranked(sweep).filter(({ value }) => value !== null);
  const top = all.slice(0, BEST);
  const text = (trials: typeof all) =>
    valuesText(
      parameter,
      trials.map(({ parameters }) => parameters),
    );
  const { metric } = sweep.plan;
  const ends = `${metric.name} from ${short(all[0]!.value)} to ${short(all.at(-1)!.value)}`;
  return `The ${all.length} trials with a value have ${parameter.name} ${text(all)} and ${ends}; the best ${top.length} have ${parameter.name} ${text(top)}.`;
}
