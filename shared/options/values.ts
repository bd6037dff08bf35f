/** From what is given to the values of a run's options. */
import { UsageError } from '../errors.js';
import { checkValue, misfitAmong } from './kinds.js';
import type { OptionRow, RunValues } from './option.js';

/** What a person gives, by the names of options. */
export type Given = Readonly<Record<string, unknown>>;

/** What a problem family advises, by the names of advice. */
export type Advice = Given;

/**
 * The value of every option: what is given, checked; else what the problem family advises; else the option's default.
 *
 * @param task what could not be done, as in "Cannot train"
 * @throws UsageError, one sentence that says what the value must be
 */
export function valuesOf(task: string, rows: readonly OptionRow[], given: Given, advice: Advice = {}): RunValues {
  return new Map(
    rows.map((row) => {
      const said = [given[row.name], row.advice === undefined ? undefined : advice[row.advice]];
      const value = said.find((each) => each !== undefined);
      return [row.name, value === undefined ? row.kind.default : checkValue(task, row, value)];
    }),
  );
}

/** Checks that the values go with each other. Throws UsageError, one sentence that names the first that does not. */
export function checkTogether(task: string, rows: readonly OptionRow[], values: RunValues): void {
  const found = misfitAmong(rows, values);
  if (found) throw new UsageError(`${task}: "${found.row.name}" ${found.why}`);
}
