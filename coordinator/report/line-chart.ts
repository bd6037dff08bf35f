/** Draws lines with bands as SVG, by echarts on the server. */
import type { CustomSeriesOption, EChartsOption, LineSeriesOption } from 'echarts';
import { endLabels, endLabelsWidth, FONT, type Frame, LETTER, type LineEnd } from './end-labels.js';
import { type LineStyle, lineStyle, type Palette } from './palette.js';
import { linearScale, type Scale, valueScale } from './scale.js';

export interface ChartPoint {
  x: number;
  /** Null where there is no finite value: the line has a gap. */
  y: number | null;
  /** Ends of the band around the line. */
  low?: number | null;
  high?: number | null;
}

export interface ChartLine {
  name: string;
  /** By ascending x. */
  points: readonly ChartPoint[];
  /** Which of the palette's styles it has. @default its place among the lines */
  style?: number;
}

/** What is drawn. */
export interface LineChart {
  /** The first one is drawn thick, and above the others. */
  lines: readonly ChartLine[];
  xName: string;
  /** @default none */
  yName?: string;
  /** The axis of the values. @default one for these lines */
  y?: Scale;
  /** Whether the lines are named at their ends. @default where there are several */
  labels?: boolean;
  /** Whether every point is marked. @default false */
  dots?: boolean;
}

/** How it is drawn. */
export interface Drawing {
  /** Begins the names of the SVG's parts, which must be unique in a page. */
  id: string;
  size: Size;
  palette: Palette;
}

/** In units of the SVG's viewBox, letters being 13 high. */
export type Size = readonly [width: number, height: number];

/** Draws the chart; the SVG's root element has a viewBox and no size. */
export async function drawLineChart(chart: LineChart, drawing: Drawing): Promise<string> {
  // one file of the package rather than its hundreds: loaded in 0.07 s, not in 0.6
  const bundle: string = 'echarts/dist/echarts.esm.min.mjs';
  const { init } = (await import(bundle)) as typeof import('echarts');
  const [width, height] = drawing.size;
  const canvas = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    canvas.setOption(optionOf(chart, drawing));
    return tidied(canvas.renderToSVGString(), drawing);
  } finally {
    canvas.dispose(); // or its timer would keep the process alive
  }
}

/** Drops the size, what echarts adds for pointers, and its count of the charts that this process has drawn. */
function tidied(svg: string, { id, size: [width, height] }: Drawing): string {
  return svg
    .replace(/^<svg [^>]*>/, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">`)
    .replace(/<style ?>.*<\/style>\n?/s, '')
    .replace(/ (?:class="zr[^"]*"|pointer-events="[^"]*"|ecmeta_\w+="[^"]*")/g, '')
    .replace(/\bzr\d+-/g, `${id}-`);
}

/** An axis for all values of some lines, bands included; what lies above the cap need not be seen. */
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
  const frame: Frame = {
    left: 10 + LETTER * Math.max(...y.ticks.map(({ label }) => label.length)),
    right: width - (labels ? endLabelsWidth(lines) : 22),
    top: yName === '' ? 12 : 30,
    bottom: height - 44,
  };
  const styles = lines.map(({ style }, index) => lineStyle(style ?? index, palette, lines.length > 1));
  return {
    animation: false,
    textStyle: { fontFamily: FONT.family, fontSize: FONT.size },
    grid: { ...frame, right: width - frame.right, bottom: height - frame.bottom, outerBoundsMode: 'none' },
    xAxis: { ...axisOf(x, palette, false), name: xName, nameLocation: 'middle', nameGap: 28 },
    yAxis: {
      ...axisOf(y, palette, true),
      name: yName,
      nameLocation: 'end',
      nameGap: 12,
      nameTextStyle: { align: 'left', padding: [0, 0, 0, 8 - frame.left], color: palette.muted, fontSize: FONT.size },
    },
    series: [
      ...lines.map((line, index) => bandOf(line, y, styles[index]!, index > 0 && lines.length > 2 ? 0.09 : 0.2)),
      ...lines.map((line, index) => lineOf(line, y, styles[index]!, index === 0, chart.dots === true)),
    ],
    ...(labels ? { graphic: endLabels(endsOf(lines, styles, y, frame), frame, palette.text) } : {}),
  };
}

function axisOf({ min, max, ticks }: Scale, { muted, grid }: Palette, horizontalLines: boolean) {
  const places = ticks.map(({ at }) => at);
  return {
    type: 'value' as const,
    min,
    max,
    axisLine: { show: true, onZero: false, lineStyle: { color: muted } },
    axisTick: { show: true, customValues: places, lineStyle: { color: muted } },
    axisLabel: {
      customValues: places,
      color: muted,
      fontSize: FONT.size,
      formatter: (value: number) => nearest(ticks, value),
    },
    splitLine: { show: horizontalLines, lineStyle: { color: grid } },
    nameTextStyle: { color: muted, fontSize: FONT.size },
  };
}

/** The label of a tick whose place went through echarts' rounding. */
function nearest(ticks: Scale['ticks'], value: number): string {
  return ticks.reduce((best, tick) => (Math.abs(tick.at - value) < Math.abs(best.at - value) ? tick : best)).label;
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
    // one point is no line
    showSymbol: dots || points.length === 1,
    symbol: 'circle',
    symbolSize: 5,
    silent: true,
    clip: true,
    z: first ? 4 : 3,
    lineStyle: { color: style.colour, width: style.width, type: style.dash.length > 0 ? [...style.dash] : 'solid' },
    itemStyle: { color: style.colour },
  };
}

/** The band, a polygon for every run of points that have one. */
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

/** Where the lines end, those that went off the chart at its edge. */
function endsOf(
  lines: readonly ChartLine[],
  styles: readonly LineStyle[],
  y: Scale,
  { top, bottom }: Frame,
): LineEnd[] {
  const pixel = (value: number) => bottom - ((y.place(value) - y.min) / (y.max - y.min)) * (bottom - top);
  return lines.map(({ name, points }, index) => {
    // a line without a last value grew beyond all bounds
    const last = points.at(-1)?.y ?? Number.POSITIVE_INFINITY;
    return { name, style: styles[index]!, at: Math.min(bottom, Math.max(top, pixel(last))) };
  });
}

type BandPoint = { x: number; low: number; high: number };

/** Cuts the points into runs without a gap in their bands. */
function runsOf(points: readonly ChartPoint[]): BandPoint[][] {
  const runs: BandPoint[][] = [[]];
  for (const { x, low, high } of points) {
    if (typeof low === 'number' && typeof high === 'number') runs.at(-1)!.push({ x, low, high });
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 1);
}
