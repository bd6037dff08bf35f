/** Numbers as a person reads them. */

/** Three or four digits, in whichever form is shorter; a dash for none. */
export function short(value: number | null): string {
  if (value === null) return '-';
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** A count, its thousands set apart. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** So many of something. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 6 });

/** A tick of an axis: all its digits and no more, or 25K for 25,000. */
export function tickLabel(value: number): string {
  const rounded = Number(value.toPrecision(6));
  const size = Math.abs(rounded);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return rounded.toExponential().replace('e+', 'e');
  return size >= 1e4 ? compact.format(rounded) : String(rounded);
}
