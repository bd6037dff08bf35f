/** Colours and dashes that stay distinct for colour-blind readers and on paper. */

/** Colours of a chart, as in CSS. */
export interface Palette {
  text: string;
  /** The background. */
  ground: string;
  /** Axes and their labels. */
  muted: string;
  grid: string;
  /** The first one is for the line that matters most. */
  lines: readonly string[];
}

/**
 * Okabe and Ito's colours (Color Universal Design, 2008), the first line in black, with a grey for their yellow, which
 * does not show on white.
 */
export const LIGHT: Palette = {
  text: '#1a1a1a',
  ground: '#ffffff',
  muted: '#595959',
  grid: '#e3e3e3',
  lines: ['#000000', '#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f'],
};

/** The same for a dark background: the first line in white, and a lighter blue. */
export const DARK: Palette = {
  text: '#e8e8e8',
  ground: '#161616',
  muted: '#b0b0b0',
  grid: '#3a3a3a',
  lines: ['#ffffff', '#e8743b', '#4a9fd8', '#20b88c', '#d98fb8', '#e69f00', '#7cc8f5', '#a0a0a0'],
};

/** Colours that the surrounding page defines, light or dark. */
export const FROM_PAGE: Palette = {
  text: 'var(--text)',
  ground: 'var(--ground)',
  muted: 'var(--muted)',
  grid: 'var(--grid)',
  lines: LIGHT.lines.map((_, index) => `var(--line-${index})`),
};

/** The CSS declarations that `FROM_PAGE` refers to. */
export function declarationsOf({ text, ground, muted, grid, lines }: Palette): string {
  const colours = lines.map((colour, index) => `--line-${index}: ${colour};`);
  return [`--text: ${text};`, `--ground: ${ground};`, `--muted: ${muted};`, `--grid: ${grid};`, ...colours].join(' ');
}

/** How a line is drawn. */
export interface LineStyle {
  colour: string;
  width: number;
  /** Lengths of dashes and gaps; empty for a solid line. */
  dash: readonly number[];
  /** @default 1 */
  opacity?: number;
}

const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2], [10, 3, 2, 3], [4, 2], [14, 3], [8, 2, 2, 2, 2, 2]];

/** The first line is solid, and thick if there are others; no two of the others share both colour and dash. */
export function lineStyle(index: number, { lines }: Palette, among = true): LineStyle {
  const others = lines.length - 1;
  if (index === 0) return { colour: lines[0]!, width: among ? 3.5 : 2, dash: [] };
  const dash = DASHES[(index + Math.floor((index - 1) / others)) % DASHES.length]!;
  return { colour: lines[1 + ((index - 1) % others)]!, width: 1.75, dash };
}
