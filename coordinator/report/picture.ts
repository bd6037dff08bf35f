/** Pictures of a page: each has a title, a caption, a description in words and a table of its numbers. */
import { escapeText, html, Markup } from './markup.js';
import { FROM_PAGE } from './palette.js';
import type { Drawing, Size } from './svg.js';

/** The texts of a picture. */
export interface PictureTexts {
  /** Its anchor in the page: letters, digits and dashes. */
  id: string;
  title: string;
  /** Explains what is drawn. */
  caption: string;
  /** The result in words, for readers who cannot see it. */
  description: string;
}

export interface Picture extends PictureTexts {
  /** Renders the SVG. */
  draw(drawing: Drawing): Promise<string>;
  /** A table of what is drawn. */
  numbers: Markup;
  /** Explains colours and dashes that are not labelled in the picture. */
  legend?: Markup;
  /** Heights that replace the defaults for a full-width page and for a phone. */
  heights?: { wide: number; narrow: number };
}

/** In units of the viewBox. A phone gets its own picture, so that text stays readable. */
const FULL: Size = [960, 520];
const PHONE: Size = [390, 430];
const HALF: Size = [400, 270];
const PANEL: Size = [310, 240];

/** A picture as wide as the page. */
export async function fullPicture(picture: Picture): Promise<Markup> {
  const { wide: high = FULL[1], narrow: phone = PHONE[1] } = picture.heights ?? {};
  const wide = await drawnFor(picture, [FULL[0], high], 'wide');
  return framed(picture, html`${wide}${await drawnFor(picture, [PHONE[0], phone], 'narrow')}`);
}

/** A picture half as wide as the page, which also fits a phone. */
export async function halfPicture(picture: Picture): Promise<Markup> {
  return framed(picture, await drawnFor(picture, [HALF[0], picture.heights?.narrow ?? HALF[1]], 'half'));
}

/** A small picture in a row of similar ones, described by its caption alone. */
export async function panelPicture(picture: Omit<Picture, 'numbers'>): Promise<Markup> {
  return html`<figure id="${picture.id}">
${await drawnFor(picture, PANEL, 'panel')}
<figcaption>${picture.caption}</figcaption>
</figure>
`;
}

function framed(picture: Picture, drawn: Markup): Markup {
  return html`<figure id="${picture.id}">
<h3>${picture.title}</h3>
${picture.legend ?? ''}${drawn}
<figcaption>${picture.caption}</figcaption>
<details><summary>Numbers of this figure</summary>${picture.numbers}</details>
</figure>
`;
}

async function drawnFor(picture: Omit<Picture, 'numbers'>, size: Size, kind: string): Promise<Markup> {
  const id = `${picture.id}-${kind}`;
  const svg = await picture.draw({ id, size, palette: FROM_PAGE });
  return new Markup(named(svg, id, picture, `class="${kind}"`));
}

/** Gives an SVG an accessible title and description; `attributes` and `ground` go into its root element. */
export function named(
  svg: string,
  id: string,
  { title, description }: Pick<PictureTexts, 'title' | 'description'>,
  attributes: string,
  ground = '',
): string {
  const role = `role="img" aria-labelledby="${id}-title" aria-describedby="${id}-description"`;
  const texts = `<title id="${id}-title">${escapeText(title)}</title>
<desc id="${id}-description">${escapeText(description)}</desc>`;
  return svg.replace(/^<svg ([^>]*)>/, (_, own: string) => `<svg ${own} ${attributes} ${role}>\n${texts}\n${ground}`);
}

/** A table that scrolls in its own box, also by keyboard. */
export function scrolling(name: string, table: Markup): Markup {
  return html`<div class="scroll" role="region" aria-label="${name}" tabindex="0">${table}</div>`;
}
