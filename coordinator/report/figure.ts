/** Figures of a page: a chart with its caption, its description in words, and its numbers. */
import { type ChartPoint, drawLineChart, type LineChart, type Size } from './line-chart.js';
import { escapeText, html, Markup } from './markup.js';
import { grouped, short } from './numbers.js';
import { FROM_PAGE, LIGHT } from './palette.js';

export interface Figure {
  /** Its anchor in the page: letters, digits and dashes. */
  id: string;
  title: string;
  /** What the chart shows, as people see it. */
  caption: string;
  /** The result in words, for those who do not see it. */
  description: string;
  chart: LineChart;
}

/** Sizes are in units of the viewBox: letters keep a readable size because a phone gets a chart of its own. */
const FULL: Size = [960, 520];
const PHONE: Size = [390, 430];
const HALF: Size = [400, 270];
const PANEL: Size = [310, 240];

/** A figure over the whole width of the page. */
export async function fullFigure(figure: Figure): Promise<Markup> {
  const wide = await drawnFor(figure, FULL, 'wide');
  return framed(figure, html`${wide}${await drawnFor(figure, PHONE, 'narrow')}`);
}

/** A figure over half the width of the page; it fits a phone as it is. */
export async function halfFigure(figure: Figure): Promise<Markup> {
  return framed(figure, await drawnFor(figure, HALF, 'half'));
}

/** A figure beside others of its kind: the caption says all. */
export async function panelFigure(figure: Figure): Promise<Markup> {
  return html`<figure id="${figure.id}">
${await drawnFor(figure, PANEL, 'panel')}
<figcaption>${figure.caption}</figcaption>
</figure>
`;
}

/** The figure alone, as an SVG file: dark on white. */
export async function svgFile({ title, description, chart }: Figure): Promise<string> {
  const svg = await drawLineChart(chart, { id: 'chart', size: FULL, palette: LIGHT });
  const [width, height] = FULL;
  const ground = `<rect width="${width}" height="${height}" fill="#ffffff"/>`;
  return `${named(svg, 'chart', { title, description }, `width="${width}" height="${height}"`, ground)}\n`;
}

function framed(figure: Figure, drawn: Markup): Markup {
  return html`<figure id="${figure.id}">
<h3>${figure.title}</h3>
${drawn}
<figcaption>${figure.caption}</figcaption>
<details><summary>Numbers of this figure</summary>${numbersTable(figure)}</details>
</figure>
`;
}

async function drawnFor(figure: Figure, size: Size, kind: string): Promise<Markup> {
  const id = `${figure.id}-${kind}`;
  const svg = await drawLineChart(figure.chart, { id, size, palette: FROM_PAGE });
  return new Markup(named(svg, id, figure, `class="${kind}"`));
}

/** An SVG as one picture with a name and a description; `attributes` and `ground` go into its root element. */
function named(
  svg: string,
  id: string,
  { title, description }: Pick<Figure, 'title' | 'description'>,
  attributes: string,
  ground = '',
): string {
  const role = `role="img" aria-labelledby="${id}-title" aria-describedby="${id}-description"`;
  const texts = `<title id="${id}-title">${escapeText(title)}</title>
<desc id="${id}-description">${escapeText(description)}</desc>`;
  return svg.replace(/^<svg ([^>]*)>/, (_, own: string) => `<svg ${own} ${attributes} ${role}>\n${texts}\n${ground}`);
}

const MOST_ROWS = 11;

/** A table of the chart's numbers: at most eleven places, the first and the last among them. */
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

/** A table that scrolls within its own box, by touch, wheel or keys. */
export function scrolling(name: string, table: Markup): Markup {
  return html`<div class="scroll" role="region" aria-label="${name}" tabindex="0">${table}</div>`;
}
