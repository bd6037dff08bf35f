/** The flags of `lopt train` that a sweep may set, and checks of their values before the sweep begins. */

import type { ParameterValue } from '../../coordinator/population/domain.js';
import type { SweepFlag, SweepFlags } from '../../coordinator/population/file/sweep-file.js';
import { checkNumber, show } from '../../shared/check.js';
import { messageOf, UsageError } from '../../shared/errors.js';
import { checkOption, familyNamed } from '../../worker/problems/registry.js';
import { checkWordFlag, NUMBER_FLAGS, SWITCH_FLAGS, WORD_FLAGS } from '../run/train-flags.js';

/** Flags that the sweep sets itself: the trial's number. */
const OWN = new Set(['member']);

/** Flags that a fork may change: the copied state of φ and outer optimizer fits any of their values. */
const MUTABLE = new Set(['learning-rate', 'final-rate', 'flat', 'clip', 'unroll', 'problems', 'shards']);

const TASK = 'Cannot sweep';

/** The flags for a problem, including its family's options. @param defaultProblem used if the problem is null */
export function sweepFlags(defaultProblem: string): SweepFlags {
  return (problem) => {
    const flags = new Map<string, SweepFlag>();
    const add = (name: string, check: (value: ParameterValue) => unknown) => {
      if (OWN.has(name)) return;
      flags.set(name, { mutable: MUTABLE.has(name), check: (value) => void withoutTask(() => check(value)) });
    };
    for (const [name, { rule }] of Object.entries(NUMBER_FLAGS)) {
      add(name, (value) => checkNumber(TASK, name, value, rule));
    }
    for (const name of Object.keys(WORD_FLAGS)) {
      add(name, (value) => checkWordFlag(TASK, name as keyof typeof WORD_FLAGS, value));
    }
    for (const name of Object.keys(SWITCH_FLAGS)) {
      add(name, (value) => {
        if (typeof value !== 'boolean') throw new UsageError(`"${name}" must be true or false, got ${show(value)}`);
      });
    }
    const { options } = familyNamed(problem ?? defaultProblem);
    for (const [name, spec] of Object.entries(options)) {
      add(`problem.${name}`, (value) => checkOption(TASK, name, spec, value));
    }
    return flags;
  };
}

/** Rethrows errors without their beginning, since the position in the file is put before them. */
function withoutTask(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw new UsageError(messageOf(error).replace(`${TASK}: `, ''), { cause: error });
  }
}
