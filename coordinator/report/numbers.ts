/** Numbers formatted for people. */

/** Three or four significant digits, in decimal or scientific notation; a dash for null. */
export function short(value: number | null): string {
  if (value === null) return '-';
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** A count with a thousands separator. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** A count with its noun in the singular or plural. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 6 });

/** The label of a tick: all digits needed, or 25K for 25,000. */
export function tickLabel(value: number): string {
  const rounded = Number(value.toPrecision(6));
  const size = Math.abs(rounded);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return rounded.toExponential().replace('e+', 'e');
  return size >= 1e4 ? compact.format(rounded) : String(rounded);
}
