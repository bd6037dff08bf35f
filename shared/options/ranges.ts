/** Ranges of numbers as people give them: A..B sets two options at once. */
import { UsageError } from '../errors.js';
import type { OptionRow } from './option.js';
import type { Given } from './values.js';

/**
 * What is given, with every range as two values: for a row with a `range`, A..B is A for that row and B for the other one.
 * The values themselves are checked later.
 *
 * @param task what could not be done, as in "Cannot train"
 * @throws UsageError if a range is given together with the option that it sets
 */
export function withRanges(task: string, rows: readonly Pick<OptionRow, 'name' | 'range'>[], given: Given): Given {
  const all = { ...given };
  for (const { name, range } of rows) {
    const value = given[name];
    const ends = typeof value === 'string' ? value.split('..') : [];
    if (range === undefined || ends.length !== 2) continue;
    if (given[range] !== undefined) {
      throw new UsageError(`${task}: "${range}" must be left out if "${name}" is a range, got ${value}`);
    }
    [all[name], all[range]] = ends;
  }
  return all;
}
