/** Chart axes for echarts, with ticks where the scale puts them. */
import { FONT } from './end-labels.js';
import type { Palette } from './palette.js';
import type { Scale } from './scale.js';

/** Outlines text in the background colour, so that it stays legible over lines. */
export function legible({ ground }: Palette): { textBorderColor: string; textBorderWidth: number } {
  return { textBorderColor: ground, textBorderWidth: 3 };
}

/** An axis in the scale's own coordinate. @param gridLines whether its ticks have grid lines across the chart */
export function chartAxis({ min, max, ticks }: Scale, { muted, grid }: Palette, gridLines: boolean) {
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
    splitLine: { show: gridLines, lineStyle: { color: grid } },
    nameTextStyle: { color: muted, fontSize: FONT.size },
  };
}

/** The label of the nearest tick: echarts rounds the positions that it is given. */
function nearest(ticks: Scale['ticks'], value: number): string {
  return ticks.reduce((best, tick) => (Math.abs(tick.at - value) < Math.abs(best.at - value) ? tick : best)).label;
}
