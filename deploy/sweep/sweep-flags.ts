/** The flags of `lopt train` that a sweep may set, and checks of their values before the sweep begins. */
import type { ParameterValue } from '../../coordinator/population/domain.js';
import type { SweepFlag, SweepFlags } from '../../coordinator/population/file/sweep-file.js';
import { messageOf, UsageError } from '../../shared/errors.js';
import { checkValue } from '../../shared/options/kinds.js';
import { withRanges } from '../../shared/options/ranges.js';
import { type Rows, rowsByName, type TableRow } from '../../shared/options/table.js';
import { checkOption, familyNamed } from '../../worker/problems/registry.js';

/** Flags that the sweep sets itself: the trial's number. */
const OWN = new Set(['member']);

const TASK = 'Cannot sweep';

/** The flags for a problem, including its family's options. @param defaultProblem used if the problem is null */
export function sweepFlags(defaultProblem: string): SweepFlags {
  return (problem) => {
    const flags = new Map<string, SweepFlag>();
    for (const [name, rows] of rowsByName()) {
      if (OWN.has(name)) continue;
      const mutable = rows.every(({ changeable }) => changeable);
      flags.set(name, { mutable, check: (value) => checkForSome(rows, value) });
    }
    const { options } = familyNamed(problem ?? defaultProblem);
    for (const [name, spec] of Object.entries(options)) {
      flags.set(`problem.${name}`, {
        mutable: false,
        check: (value) => withoutTask(() => checkOption(TASK, name, spec, value)),
      });
    }
    return flags;
  };
}

/** Checks a value by the options of one name: which of them a trial has may depend on what else is swept. */
function checkForSome(rows: Rows, value: ParameterValue): void {
  const failures = rows.flatMap((row) => {
    try {
      withoutTask(() => checkGiven(row, value));
      return [];
    } catch (error) {
      return [error];
    }
  });
  if (failures.length === rows.length) throw failures[0];
}

/** Checks a value by its option, and the ends of a range by the options of both. */
function checkGiven(row: TableRow, value: ParameterValue): void {
  for (const [name, end] of Object.entries(withRanges(TASK, [row], { [row.name]: value }))) {
    checkValue(TASK, name === row.name ? row : rowsByName().get(name)![0], end);
  }
}

/** Rethrows errors without their beginning, since the position in the file is put before them. */
function withoutTask(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw new UsageError(messageOf(error).replace(`${TASK}: `, ''), { cause: error });
  }
}
