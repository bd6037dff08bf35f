/** Checks that what a module exports is a problem family. */
import { checkNumber, type NumberRule, show } from '../../../shared/check.js';
import { FileError, messageOf } from '../../../shared/errors.js';
import type { OptionSpec, ProblemFamily, TrainingNumbers } from '../problem.js';
import { checkOption } from '../registry.js';
import { kindOf, moduleFault, moduleTask } from './fault.js';

type Fields = Readonly<Record<string, unknown>>;

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const OPTION_TYPES: readonly OptionSpec['type'][] = ['number', 'integer', 'integers', 'choice'];
const COUNT: NumberRule = { integer: true, minimum: 1 };
const POSITIVE: NumberRule = { minimum: 0, exclusive: true };

/** The numbers that a family may advise, and how each must be. */
const NUMBERS: Readonly<Record<keyof TrainingNumbers, NumberRule>> = {
  problems: COUNT,
  shards: COUNT,
  unroll: COUNT,
  horizon: COUNT,
  learningRate: POSITIVE,
  outputScale: POSITIVE,
  evaluateEvery: COUNT,
  evaluateFunctions: COUNT,
};

/** The exported family; throws FileError, one sentence that names the module, the field and what it must be. */
export function checkFamily(path: string, exported: unknown): ProblemFamily {
  if (!isRecord(exported)) {
    throw moduleFault(path, `its default export must be a problem family, got ${kindOf(exported)}`);
  }
  const { name, summary, options, training, configure } = exported;
  const must = (right: boolean, field: string, requirement: string) => {
    if (!right) throw moduleFault(path, `"${field}" must be ${requirement}, got ${kindOf(exported[field])}`);
  };
  must(typeof name === 'string' && NAME.test(name), 'name', 'a string such as "my-problem"');
  must(typeof summary === 'string', 'summary', 'a one-line string');
  must(isRecord(options), 'options', 'an object of options by name');
  must(isRecord(training), 'training', 'an object, possibly empty');
  must(typeof configure === 'function', 'configure', 'a function');
  for (const [option, spec] of Object.entries(options as Fields)) checkSpec(path, option, spec);
  checkTraining(path, training as Fields);
  return exported as unknown as ProblemFamily;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkSpec(path: string, name: string, spec: unknown): void {
  const must = (right: boolean, requirement: string, found: unknown) => {
    if (!right) throw moduleFault(path, `option "${name}" must ${requirement}, got ${kindOf(found)}`);
  };
  must(NAME.test(name), 'have a name such as "initial-scale"', name);
  must(isRecord(spec), 'be an object with "type", "default" and "describe"', spec);
  const { type, describe, choices, default: value } = spec as Fields;
  must(OPTION_TYPES.includes(type as OptionSpec['type']), `have a "type" among ${OPTION_TYPES.join(', ')}`, type);
  must(typeof describe === 'string', 'have a string "describe"', describe);
  if (type === 'choice') must(Array.isArray(choices), 'have a list "choices"', choices);
  checkAs(path, value, (task) => checkOption(task, `default of ${name}`, spec as unknown as OptionSpec, value));
}

function checkTraining(path: string, training: Fields): void {
  const { secondDerivatives, firstOrder, ...numbers } = training;
  if (secondDerivatives !== undefined && typeof secondDerivatives !== 'boolean') {
    const found = kindOf(secondDerivatives);
    throw moduleFault(path, `"training.secondDerivatives" must be true or false, got ${found}`);
  }
  checkNumbers(path, 'training', numbers, [...Object.keys(NUMBERS), 'secondDerivatives', 'firstOrder']);
  if (firstOrder === undefined) return;
  if (!isRecord(firstOrder)) {
    throw moduleFault(path, `"training.firstOrder" must be an object of numbers, got ${kindOf(firstOrder)}`);
  }
  checkNumbers(path, 'training.firstOrder', firstOrder, Object.keys(NUMBERS));
}

function checkNumbers(path: string, field: string, numbers: Fields, known: readonly string[]): void {
  for (const [key, value] of Object.entries(numbers)) {
    if (!Object.hasOwn(NUMBERS, key)) {
      throw moduleFault(path, `"${field}" must advise some of ${known.join(', ')}, got "${key}"`);
    }
    if (value === undefined) continue;
    const rule = NUMBERS[key as keyof TrainingNumbers];
    checkAs(path, value, (task) => checkNumber(task, `${field}.${key}`, value, rule));
  }
}

/** Checks a value like one from the command line, but takes no string for a number. */
function checkAs(path: string, value: unknown, check: (task: string) => unknown): void {
  let read: unknown;
  try {
    read = check(moduleTask(path));
  } catch (cause) {
    throw new FileError(path, messageOf(cause), { cause });
  }
  if (show(read) !== show(value)) {
    throw moduleFault(path, `a value must be given in its own type, as ${show(read)}, got ${show(value)}`);
  }
}
