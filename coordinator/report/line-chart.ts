/** Draws lines with bands as SVG. */
import type { CustomSeriesOption, EChartsOption, LineSeriesOption } from 'echarts';
import { chartAxis } from './axes.js';
import { endLabels, endLabelsWidth, FONT, type Frame, LETTER, type LineEnd } from './end-labels.js';
import { type LineStyle, lineStyle, type Palette } from './palette.js';
import { linearScale, type Scale, valueScale } from './scale.js';
import { type Drawing, renderSvg } from './svg.js';

export interface ChartPoint {
  x: number;
  /** Null if there is no finite value: the line has a gap. */
  y: number | null;
  /** Ends of the band around the line. */
  low?: number | null;
  high?: number | null;
}

export interface ChartLine {
  name: string;
  /** By ascending x. */
  points: readonly ChartPoint[];
  /** An index into the palette's styles, or a function of the palette. @default the line's index */
  style?: number | ((palette: Palette) => LineStyle);
}

/** What is drawn. */
export interface LineChart {
  /** The first one is drawn thick and on top of the others. */
  lines: readonly ChartLine[];
  xName: string;
  /** @default none */
  yName?: string;
  /** The vertical axis. @default one that fits these lines */
  y?: Scale;
  /** Whether lines are labelled at their ends, or only the first one. @default true for several lines */
  labels?: boolean | 'first';
  /** Whether every point is marked. @default false */
  dots?: boolean;
}

/** Draws the chart as an SVG. */
export function drawLineChart(chart: LineChart, drawing: Drawing): Promise<string> {
  return renderSvg(optionOf(chart, drawing), drawing);
}

/** An axis that fits the lines with their bands; values above the cap may be off the chart. */
export function yScaleOf(lines: readonly ChartLine[], cap?: number): Scale {
  const values = lines.flatMap(({ points }) => points.flatMap(({ y, low, high }) => [y, low, high]));
  return valueScale(
    values.filter((value) => typeof value === 'number'),
    cap,
  );
}

function optionOf(chart: LineChart, { size: [width, height], palette }: Drawing): EChartsOption {
  const { lines, xName, yName = '', y = yScaleOf(chart.lines), labels = chart.lines.length > 1 } = chart;
  const x = linearScale(0, Math.max(1, ...lines.map(({ points }) => points.at(-1)?.x ?? 0)), true);
  const labelled = labels === 'first' ? lines.slice(0, 1) : lines;
  const frame: Frame = {
    left: 10 + LETTER * Math.max(...y.ticks.map(({ label }) => label.length)),
    right: width - (labels ? endLabelsWidth(labelled) : 22),
    top: yName === '' ? 12 : 30,
    bottom: height - 44,
  };
  const styles = lines.map(({ style }, index) =>
    typeof style === 'function' ? style(palette) : lineStyle(style ?? index, palette, lines.length > 1),
  );
  return {
    animation: false,
    textStyle: { fontFamily: FONT.family, fontSize: FONT.size },
    grid: { ...frame, right: width - frame.right, bottom: height - frame.bottom, outerBoundsMode: 'none' },
    xAxis: { ...chartAxis(x, palette, false), name: xName, nameLocation: 'middle', nameGap: 28 },
    yAxis: {
      ...chartAxis(y, palette, true),
      name: yName,
      nameLocation: 'end',
      nameGap: 12,
      nameTextStyle: { align: 'left', padding: [0, 0, 0, 8 - frame.left], color: palette.muted, fontSize: FONT.size },
    },
    series: [
      ...lines.map((line, index) => bandOf(line, y, styles[index]!, index > 0 && lines.length > 2 ? 0.09 : 0.2)),
      ...lines.map((line, index) => lineOf(line, y, styles[index]!, index === 0, chart.dots === true)),
    ],
    ...(labels ? { graphic: endLabels(endsOf(labelled, styles, y, frame), frame, palette.text) } : {}),
  };
}

function lineOf(
  { name, points }: ChartLine,
  y: Scale,
  style: LineStyle,
  first: boolean,
  dots: boolean,
): LineSeriesOption {
  return {
    type: 'line',
    name,
    data: points.map((point) => [point.x, point.y === null ? '-' : y.place(point.y)]),
    // a single point makes no line
    showSymbol: dots || points.length === 1,
    symbol: 'circle',
    symbolSize: 5,
    silent: true,
    clip: true,
    z: first ? 4 : 3,
    lineStyle: {
      color: style.colour,
      width: style.width,
      type: style.dash.length > 0 ? [...style.dash] : 'solid',
      ...(style.opacity === undefined ? {} : { opacity: style.opacity }),
    },
    itemStyle: { color: style.colour },
  };
}

/** The band, with a polygon for every run of points that have one. */
function bandOf({ points }: ChartLine, y: Scale, { colour }: LineStyle, opacity: number): CustomSeriesOption {
  const runs = runsOf(points);
  return {
    type: 'custom',
    silent: true,
    clip: true,
    z: 2,
    data: runs.map((_, index) => [index, 0]),
    renderItem: ({ dataIndex }, api) => {
      const run = runs[dataIndex]!;
      const upper = run.map((point) => api.coord([point.x, y.place(point.high)]));
      const lower = run.map((point) => api.coord([point.x, y.place(point.low)]));
      return {
        type: 'polygon',
        shape: { points: [...upper, ...lower.reverse()] },
        style: { fill: colour, opacity },
      };
    },
  };
}

/** The ends of the lines; at the edge of the chart for those that left it. */
function endsOf(
  lines: readonly ChartLine[],
  styles: readonly LineStyle[],
  y: Scale,
  { top, bottom }: Frame,
): LineEnd[] {
  const pixel = (value: number) => bottom - ((y.place(value) - y.min) / (y.max - y.min)) * (bottom - top);
  return lines.map(({ name, points }, index) => {
    // a line without a last value diverged
    const last = points.at(-1)?.y ?? Number.POSITIVE_INFINITY;
    return { name, style: styles[index]!, at: Math.min(bottom, Math.max(top, pixel(last))) };
  });
}

type BandPoint = { x: number; low: number; high: number };

/** Splits the points into runs that have a band at every point. */
function runsOf(points: readonly ChartPoint[]): BandPoint[][] {
  const runs: BandPoint[][] = [[]];
  for (const { x, low, high } of points) {
    if (typeof low === 'number' && typeof high === 'number') runs.at(-1)!.push({ x, low, high });
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 1);
}
