/** Checks that what a module exports is a problem family. */
import { show } from '../../../shared/check.js';
import { FileError, messageOf } from '../../../shared/errors.js';
import { checkValue } from '../../../shared/options/kinds.js';
import { rowsByAdvice } from '../../../shared/options/table.js';
import type { OptionSpec, ProblemFamily } from '../problem.js';
import { checkOption } from '../registry.js';
import { kindOf, moduleFault, moduleTask } from './fault.js';

type Fields = Readonly<Record<string, unknown>>;

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const OPTION_TYPES: readonly OptionSpec['type'][] = ['number', 'integer', 'integers', 'choice'];

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
  const { type, describe, choices, alternatives, default: value } = spec as Fields;
  must(OPTION_TYPES.includes(type as OptionSpec['type']), `have a "type" among ${OPTION_TYPES.join(', ')}`, type);
  must(typeof describe === 'string', 'have a string "describe"', describe);
  if (type === 'choice') must(Array.isArray(choices), 'have a list "choices"', choices);
  must(alternatives === undefined, 'have no "alternatives", which only the families of lopt itself draw', alternatives);
  checkAs(path, value, (task) => checkOption(task, `default of ${name}`, spec as unknown as OptionSpec, value));
}

function checkTraining(path: string, training: Fields): void {
  const { firstOrder, ...advice } = training;
  const rows = rowsByAdvice();
  checkAdvice(path, 'training', advice, rows, [...rows.keys(), 'firstOrder']);
  if (firstOrder === undefined) return;
  if (!isRecord(firstOrder)) {
    throw moduleFault(path, `"training.firstOrder" must be an object of numbers, got ${kindOf(firstOrder)}`);
  }
  const numbers = new Map([...rows].filter(([, [{ kind }]]) => kind.type === 'number'));
  checkAdvice(path, 'training.firstOrder', firstOrder, numbers, [...numbers.keys()]);
}

/** Checks what is advised by the options that it is for. */
function checkAdvice(
  path: string,
  field: string,
  advice: Fields,
  rows: ReturnType<typeof rowsByAdvice>,
  known: readonly string[],
): void {
  for (const [key, value] of Object.entries(advice)) {
    const advised = rows.get(key);
    if (!advised) throw moduleFault(path, `"${field}" must advise some of ${known.join(', ')}, got "${key}"`);
    if (value === undefined) continue;
    for (const { kind } of advised) {
      checkAs(path, value, (task) => checkValue(task, { name: `${field}.${key}`, kind }, value));
    }
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
