/** The flags of `lopt train` that a sweep may set, and how their values are checked before it begins. */

import type { ParameterValue } from '../../coordinator/population/domain.js';
import type { SweepFlag, SweepFlags } from '../../coordinator/population/file/sweep-file.js';
import { checkNumber, show } from '../../shared/check.js';
import { messageOf, UsageError } from '../../shared/errors.js';
import { checkOption, familyNamed } from '../../worker/problems/registry.js';
import { checkWordFlag, NUMBER_FLAGS, SWITCH_FLAGS, WORD_FLAGS } from '../run/train-flags.js';

/** Set by the sweep: it is the trial's number. */
const OWN = new Set(['member']);

/** Flags that another state of φ and of the outer optimizer goes with: a fork may have other values than what it copies. */
const MUTABLE = new Set(['learning-rate', 'final-rate', 'flat', 'clip', 'unroll', 'problems', 'shards']);

const TASK = 'Cannot sweep';

/** The flags for a problem, with the options of its family. @param defaultProblem what no name stands for */
export function sweepFlags(defaultProblem: string): SweepFlags {
  return (problem) => {
    const flags = new Map<string, SweepFlag>();
    const add = (name: string, check: (value: ParameterValue) => unknown) => {
      if (OWN.has(name)) return;
      flags.set(name, { mutable: MUTABLE.has(name), check: (value) => void plainly(() => check(value)) });
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

/** Throws what is wrong without the beginning of its sentence: the place in the file stands before it. */
function plainly(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw new UsageError(messageOf(error).replace(`${TASK}: `, ''), { cause: error });
  }
}
