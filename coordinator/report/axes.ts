/** Axes of charts, as echarts draws them: marked where the scale says. */
import { FONT } from './end-labels.js';
import type { Palette } from './palette.js';
import type { Scale } from './scale.js';

/** Letters that lines may run behind: with an edge of the ground's colour. */
export function legible({ ground }: Palette): { textBorderColor: string; textBorderWidth: number } {
  return { textBorderColor: ground, textBorderWidth: 3 };
}

/** An axis in the scale's own coordinate. @param gridLines whether lines lead from its marks through the chart */
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

/** The label of a tick whose place went through echarts' rounding. */
function nearest(ticks: Scale['ticks'], value: number): string {
  return ticks.reduce((best, tick) => (Math.abs(tick.at - value) < Math.abs(best.at - value) ? tick : best)).label;
}
