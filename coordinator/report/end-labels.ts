/** Labels at the ends of lines, in place of a legend. */
import type { EChartsOption } from 'echarts';
import type { LineStyle } from './palette.js';

export const FONT = { family: 'system-ui, sans-serif', size: 13 };

/** Estimated width of a letter, on the generous side: fonts are not measured here. */
export const LETTER = 0.72 * FONT.size;

/** The plot area within the chart. */
export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The end of a line, at the right edge of the frame. */
export interface LineEnd {
  name: string;
  /** Its vertical position. */
  at: number;
  style: LineStyle;
}

const GAP = 1.25 * FONT.size;

/** Length of the leader from the end of a line to its label. */
const LEADER = 18;

/** The width that the labels need to the right of the frame. */
export function endLabelsWidth(lines: readonly { name: string }[]): number {
  return LEADER + 8 + LETTER * Math.max(...lines.map(({ name }) => name.length));
}

/** The labels, each with a leader in the style of its line; the first one is bold. */
export function endLabels(
  ends: readonly LineEnd[],
  { right, top, bottom }: Frame,
  colour: string,
): NonNullable<EChartsOption['graphic']> {
  const places = spread(
    ends.map(({ at }) => at),
    GAP,
    top,
    bottom,
  );
  return ends.flatMap(({ name, at, style }, index) => {
    const place = places[index]!;
    const start: [number, number] = [right + 2, at];
    const bend: [number, number] = [right + 8, place];
    const end: [number, number] = [right + LEADER, place];
    const dash = style.dash.length > 0 ? { lineDash: [...style.dash] } : {};
    const font = `${index === 0 ? 'bold ' : ''}${FONT.size}px ${FONT.family}`;
    return [
      {
        type: 'polyline' as const,
        silent: true,
        shape: { points: [start, bend, end] },
        style: { stroke: style.colour, lineWidth: style.width, fill: 'none', ...dash },
      },
      {
        type: 'text' as const,
        silent: true,
        x: right + LEADER + 4,
        y: place,
        style: { text: name, fill: colour, font, verticalAlign: 'middle' as const },
      },
    ];
  });
}

/**
 * Moves positions apart, within `low` to `high` and in their order, until neighbours are `gap` apart: overlapping ones
 * move evenly to both sides. If there is too little room for all, the gap shrinks.
 */
export function spread(places: readonly number[], gap: number, low: number, high: number): number[] {
  const order = places.map((_, index) => index).sort((a, b) => places[a]! - places[b]! || a - b);
  const room = Math.min(gap, (high - low) / Math.max(1, places.length - 1));
  /** Neighbours packed without space between them; the first is at `start`. */
  type Block = { members: number[]; start: number };
  const blockOf = (members: number[]): Block => {
    // the start that keeps the members, on average, at their own positions
    const wanted = members.reduce((sum, index, place) => sum + places[index]! - place * room, 0) / members.length;
    return { members, start: Math.max(low, Math.min(high - (members.length - 1) * room, wanted)) };
  };
  const blocks: Block[] = [];
  for (const index of order) {
    let block = blockOf([index]);
    for (
      let last = blocks.at(-1);
      last && last.start + last.members.length * room > block.start;
      last = blocks.at(-1)
    ) {
      block = blockOf([...last.members, ...block.members]);
      blocks.pop();
    }
    blocks.push(block);
  }
  const result = [...places];
  for (const { members, start } of blocks) {
    members.forEach((index, place) => {
      result[index] = start + place * room;
    });
  }
  return result;
}
