/** Axes: map values to coordinates and choose ticks. */
import { tickLabel } from './numbers.js';

export interface Tick {
  /** In the axis' coordinate. */
  at: number;
  label: string;
}

/** An axis from `min` to `max` in its coordinate: the value, or its logarithm to base 10. */
export interface Scale {
  kind: 'linear' | 'log';
  min: number;
  max: number;
  ticks: readonly Tick[];
  /** The coordinate of a value; a logarithmic axis puts values that it cannot show at its lower end. */
  place(value: number): number;
}

/** Decades that a logarithmic axis shows at most: smaller values are rounding errors. */
const MOST_DECADES = 10;

/** Share of the axis left free at either end. */
const MARGIN = 0.04;

/** Digits for ticks within a decade; the first list that gives `FEWEST_TICKS` is used. */
const DIGITS = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]];
const FEWEST_TICKS = 4;
const MOST_TICKS = 7;

/**
 * An axis that fits the finite values: logarithmic, because losses fall by decades, or linear if a value is negative or
 * none is positive.
 *
 * @param cap values above it may be off the chart
 */
export function valueScale(values: readonly number[], cap = Number.POSITIVE_INFINITY): Scale {
  const shown = values.filter(Number.isFinite).map((value) => Math.min(value, cap));
  const positive = shown.filter((value) => value > 0);
  if (positive.length === 0 || shown.some((value) => value < 0)) return linearScale(leastOf(shown), greatestOf(shown));
  const high = Math.log10(greatestOf(positive));
  return logScale(Math.max(Math.log10(leastOf(positive)), high - MOST_DECADES), high);
}

/** A linear axis with margins, or `exact` without, as for rounds and steps. */
export function linearScale(low: number, high: number, exact = false): Scale {
  const from = Number.isFinite(low) ? low : 0;
  // a range of 1 if all values are equal
  const to = Number.isFinite(high) && high > from ? high : from + 1;
  const margin = exact ? 0 : MARGIN * (to - from);
  const [min, max] = [from - margin, to + margin];
  return {
    kind: 'linear',
    min,
    max,
    ticks: evenTicks(min, max).map((value) => ({ at: value, label: tickLabel(value) })),
    place: (value) => value,
  };
}

/** A logarithmic axis with margins. @param low log10 of its lower end, `high` of its upper one */
export function logScale(low: number, high: number): Scale {
  // at least a few per cent of a decade, so that equal values have an axis too
  const margin = Math.max(0.02, MARGIN * (high - low));
  const [min, max] = [low - margin, high + margin];
  return {
    kind: 'log',
    min,
    max,
    ticks: logTicks(min, max).map((value) => ({ at: Math.log10(value), label: tickLabel(value) })),
    place: (value) => (value > 0 ? Math.max(min, Math.log10(value)) : min),
  };
}

/** Round values from 10^min to 10^max: powers of ten if there are enough. */
function logTicks(min: number, max: number): number[] {
  for (const digits of DIGITS) {
    const ticks: number[] = [];
    for (let power = Math.floor(min); power <= Math.ceil(max); power++) {
      for (const digit of digits) {
        const value = Number(`${digit}e${power}`);
        if (Math.log10(value) >= min && Math.log10(value) <= max) ticks.push(value);
      }
    }
    if (ticks.length >= FEWEST_TICKS) {
      const every = Math.ceil(ticks.length / MOST_TICKS);
      return ticks.filter((_, index) => index % every === 0);
    }
  }
  return evenTicks(10 ** min, 10 ** max);
}

/** About six multiples of 1, 2 or 5 times a power of ten. */
function evenTicks(min: number, max: number): number[] {
  const rough = (max - min) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let index = Math.ceil(min / step); index * step <= max; index++)
    ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

function leastOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

function greatestOf(values: readonly number[]): number {
  return values.reduce((greatest, value) => Math.max(greatest, value), Number.NEGATIVE_INFINITY);
}
