/** Between the values of options and the configuration in which each has its place. */
import type { OptionRow, OptionValue, RunValues } from './option.js';

/** A part of a configuration; what it must be, its shape says. */
export type Fields = Readonly<Record<string, unknown>>;

/** A configuration that holds the value of each row at the row's path, beside what `base` holds. */
export function build(rows: readonly OptionRow[], values: RunValues, base: Fields = {}): Fields {
  return rows.reduce((config, { name, path }) => withAt(config, path.split('.'), values.get(name)), base);
}

/** A copy of the fields with a value at a place, and with the objects on the way to it. */
function withAt(fields: Fields, [key, ...rest]: readonly string[], value: unknown): Fields {
  if (key === undefined) throw new RangeError('Cannot place a value: its path must not be empty');
  return { ...fields, [key]: rest.length === 0 ? value : withAt((fields[key] ?? {}) as Fields, rest, value) };
}

/** The value at the row's path in a configuration; undefined if there is none. */
export function valueIn(config: object, { path }: Pick<OptionRow, 'path'>): OptionValue | undefined {
  const found = path.split('.').reduce<unknown>((fields, key) => (fields as Fields | undefined)?.[key], config);
  return found as OptionValue | undefined;
}

/** The values that a configuration has for the rows. */
export function valuesIn(config: object, rows: readonly OptionRow[]): RunValues {
  return new Map(rows.map((row) => [row.name, valueIn(config, row)!]));
}
