/** Line charts as figures of a page, with tables of their numbers. */
import { type ChartPoint, drawLineChart, type LineChart } from './line-chart.js';
import { html, type Markup } from './markup.js';
import { grouped, short } from './numbers.js';
import { LIGHT } from './palette.js';
import {
  fullPicture,
  halfPicture,
  named,
  type Picture,
  type PictureTexts,
  panelPicture,
  scrolling,
} from './picture.js';
import type { Size } from './svg.js';

export interface Figure extends PictureTexts {
  chart: LineChart;
}

const FILE: Size = [960, 520];

/** A figure as wide as the page. */
export function fullFigure(figure: Figure): Promise<Markup> {
  return fullPicture(pictureOf(figure));
}

/** A figure half as wide as the page, which also fits a phone. */
export function halfFigure(figure: Figure): Promise<Markup> {
  return halfPicture(pictureOf(figure));
}

/** A small figure in a row of similar ones, described by its caption alone. */
export function panelFigure(figure: Figure): Promise<Markup> {
  return panelPicture(pictureOf(figure));
}

/** The figure as a standalone SVG file, dark on white. */
export async function svgFile({ title, description, chart }: Figure): Promise<string> {
  const svg = await drawLineChart(chart, { id: 'chart', size: FILE, palette: LIGHT });
  const [width, height] = FILE;
  const ground = `<rect width="${width}" height="${height}" fill="${LIGHT.ground}"/>`;
  return `${named(svg, 'chart', { title, description }, `width="${width}" height="${height}"`, ground)}\n`;
}

function pictureOf(figure: Figure): Picture {
  return { ...figure, draw: (drawing) => drawLineChart(figure.chart, drawing), numbers: numbersTable(figure) };
}

const MOST_ROWS = 11;

/** A table of at most eleven points of the chart, including the first and the last. */
function numbersTable({ title, chart: { lines, xName } }: Figure): Markup {
  const [first] = lines;
  if (!first) return html``;
  const most = Math.min(MOST_ROWS, first.points.length);
  const picked = Array.from({ length: most }, (_, index) =>
    Math.round((index * (first.points.length - 1)) / Math.max(1, most - 1)),
  );
  const heads = lines.map(({ name }) => html`<th scope="col">${name}</th>`);
  const rows = picked.map((place) => {
    const cells = lines.map(({ points }) => html`<td>${pointText(points[place])}</td>`);
    return html`<tr><th scope="row">${grouped(first.points[place]!.x)}</th>${cells}</tr>\n`;
  });
  return scrolling(
    `Numbers of the figure ${title}`,
    html`<table><thead><tr><th scope="col">${xName}</th>${heads}</tr></thead><tbody>${rows}</tbody></table>`,
  );
}

function pointText(point: ChartPoint | undefined): string {
  if (!point || point.y === null) return '-';
  const { y, low = null, high = null } = point;
  return low === null || high === null ? short(y) : `${short(y)} (${short(low)} to ${short(high)})`;
}
