/** Checks one value of a family's option. */
import { resolve } from 'node:path';
import {
  checkChoice,
  checkNumber,
  checkNumbers,
  checkPath,
  checkWeights,
  type NumberRule,
  weightsText,
} from '../../shared/check.js';
import type { OptionSpec, OptionValues } from './problem.js';

/** The value as the option's type; throws UsageError that begins with the task. */
export function checkSingle(task: string, name: string, spec: OptionSpec, value: unknown): OptionValues[string] {
  switch (spec.type) {
    case 'choice':
      // a file says true or false without quotes
      return checkChoice(task, name, typeof value === 'boolean' ? String(value) : value, spec.choices);
    case 'number':
      return checkNumber(task, name, value, ruleOf(spec));
    case 'integer':
      return checkNumber(task, name, value, { integer: true, ...ruleOf(spec) });
    case 'integers':
      return checkNumbers(task, name, value, { integer: true, ...ruleOf(spec) });
    case 'folder':
      return resolve(checkPath(task, name, value));
    case 'weights':
      return weightsText(checkWeights(task, name, value));
  }
}

function ruleOf({ minimum, maximum }: { minimum?: number; maximum?: number }): NumberRule {
  return { ...(minimum !== undefined && { minimum }), ...(maximum !== undefined && { maximum }) };
}
