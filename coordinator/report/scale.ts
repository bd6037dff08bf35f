/** Axes: how values become places on a line, and which of them are marked. */
import { tickLabel } from './numbers.js';

/** A marked place. */
export interface Tick {
  /** In the axis' own coordinate. */
  at: number;
  label: string;
}

/** An axis from `min` to `max` in a coordinate of its own: the value, or its logarithm to base 10. */
export interface Scale {
  kind: 'linear' | 'log';
  min: number;
  max: number;
  ticks: readonly Tick[];
  /** The coordinate of a value; what a logarithmic axis cannot show lies at its lower end. */
  place(value: number): number;
}

/** Decades that a logarithmic axis shows at most: below lie rounding errors. */
const MOST_DECADES = 10;

/** Share of the axis that is left free at either end. */
const MARGIN = 0.04;

/** Digits that are marked within a decade: as few as give `FEWEST_TICKS`. */
const DIGITS = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]];
const FEWEST_TICKS = 4;
const MOST_TICKS = 7;

/**
 * An axis for these values, of which those that are not finite take no part: logarithmic, for losses fall by decades, or
 * linear where one is negative or none is positive.
 *
 * @param cap what lies above it need not be seen
 */
export function valueScale(values: readonly number[], cap = Number.POSITIVE_INFINITY): Scale {
  const shown = values.filter(Number.isFinite).map((value) => Math.min(value, cap));
  const positive = shown.filter((value) => value > 0);
  if (positive.length === 0 || shown.some((value) => value < 0)) return linearScale(leastOf(shown), greatestOf(shown));
  const high = Math.log10(greatestOf(positive));
  return logScale(Math.max(Math.log10(leastOf(positive)), high - MOST_DECADES), high);
}

/** A linear axis whose ends are free, or exact as the axis of rounds and steps. */
export function linearScale(low: number, high: number, exact = false): Scale {
  const from = Number.isFinite(low) ? low : 0;
  // values that are all the same lie in the middle
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

/** A logarithmic axis whose ends are free. @param low logarithm to base 10 of its lower end, `high` of its upper one */
export function logScale(low: number, high: number): Scale {
  // a few per cent of a decade, so that values that are all the same have an axis too
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

/** Round values from 10^min to 10^max: powers of ten where there are enough. */
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

/** Multiples of 1, 2 or 5 times a power of ten, some six of them. */
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
