/** How trials are told apart: by colour, by dash or mark, and in the legend. */
import { html, type Markup } from '../markup.js';
import { FROM_PAGE, type LineStyle, type Palette } from '../palette.js';
import type { Standing } from './reported-sweep.js';

/** The look of a trial; the best one looks the same however it ended. */
export type Look = Standing | 'best';

export const STANDING_WORDS: Readonly<Record<Standing, string>> = {
  complete: 'complete',
  stopped: 'stopped early',
  failed: 'failed',
  open: 'not over',
};

interface LookStyle {
  words: string;
  /** Index into the palette's lines. */
  colour: number;
  dash: readonly number[];
  width: number;
  /** An echarts symbol. */
  mark: { symbol: string; filled: boolean; size: number };
}

export const LOOKS: Readonly<Record<Look, LookStyle>> = {
  best: { words: 'best trial', colour: 0, dash: [], width: 3.5, mark: { symbol: 'diamond', filled: true, size: 15 } },
  complete: { words: 'complete', colour: 2, dash: [], width: 1.5, mark: { symbol: 'circle', filled: true, size: 8 } },
  stopped: {
    words: 'stopped early',
    colour: 1,
    dash: [5, 3],
    width: 1.25,
    mark: { symbol: 'triangle', filled: false, size: 9 },
  },
  failed: { words: 'failed', colour: 4, dash: [2, 3], width: 1.5, mark: { symbol: 'rect', filled: true, size: 7 } },
  open: {
    words: 'not over',
    colour: 3,
    dash: [10, 3, 2, 3],
    width: 1.5,
    mark: { symbol: 'circle', filled: false, size: 9 },
  },
};

/** With more members their lines are drawn fainter. */
const MANY = 30;

/** @param members number of lines in the chart */
export function lookStyle(look: Look, { lines }: Palette, members: number): LineStyle {
  const { colour, dash, width } = LOOKS[look];
  const faint = look !== 'best' && members > MANY;
  return { colour: lines[colour]!, width: faint ? 1 : width, dash, ...(faint ? { opacity: 0.6 } : {}) };
}

/** The legend of a line chart with these looks. */
export function lineLegend(looks: Iterable<Look>): Markup {
  return legend(looks, (look) => {
    const { colour, dash, width } = lookStyle(look, FROM_PAGE, 1);
    const dashes = dash.length > 0 ? html` stroke-dasharray="${dash.join(' ')}"` : '';
    return html`<path d="M1 7H35" fill="none" stroke="${colour}" stroke-width="${width}"${dashes}/>`;
  });
}

/** The legend of a scatter plot with these looks. */
export function markLegend(looks: Iterable<Look>): Markup {
  const shapes: Readonly<Record<string, string>> = {
    diamond: 'M18 0.5L25 7L18 13.5L11 7Z',
    circle: 'M14 7A4 4 0 1 1 22 7A4 4 0 1 1 14 7Z',
    triangle: 'M18 2.5L22.5 11.5H13.5Z',
    rect: 'M14.5 3.5H21.5V10.5H14.5Z',
  };
  return legend(looks, (look) => {
    const { colour, mark } = LOOKS[look];
    const ink = FROM_PAGE.lines[colour]!;
    return html`<path d="${shapes[mark.symbol]!}" fill="${mark.filled ? ink : 'none'}" stroke="${ink}" stroke-width="1.5"/>`;
  });
}

function legend(looks: Iterable<Look>, sample: (look: Look) => Markup): Markup {
  const shown = new Set(looks);
  const items = (Object.keys(LOOKS) as Look[])
    .filter((look) => shown.has(look))
    .map(
      (look) =>
        html`<li><svg viewBox="0 0 36 14" width="36" height="14" aria-hidden="true">${sample(look)}</svg> ${LOOKS[look].words}</li>`,
    );
  return html`<ul class="legend">${items}</ul>\n`;
}
