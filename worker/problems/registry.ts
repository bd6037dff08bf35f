/** The problem families that lopt knows, and the checks of their options. */
import { suggestion } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import { checkAlternatives, isSeveral } from './alternatives.js';
import { autoencoder } from './autoencoder.js';
import { checkSingle } from './check-option.js';
import { conv } from './conv.js';
import { language } from './language.js';
import { lasso } from './lasso.js';
import { logistic } from './logistic.js';
import { createMix } from './mix.js';
import { mlp } from './mlp.js';
import type { OptionSpec, OptionValues, ProblemFamily } from './problem.js';
import { quadratic } from './quadratic.js';
import { rastrigin } from './rastrigin.js';
import { rosenbrock } from './rosenbrock.js';
import { simple } from './simple.js';

const families = new Map<string, ProblemFamily>(
  [
    simple,
    quadratic,
    lasso,
    rastrigin,
    rosenbrock,
    logistic,
    mlp,
    autoencoder,
    conv,
    language,
    createMix(familyFor),
  ].map((family) => [family.name, family]),
);

/** Every family by name; a new one is added above. */
export const FAMILIES: ReadonlyMap<string, ProblemFamily> = families;

/** Adds a user's family to those of this thread; returns whether its name was free. */
export function addFamily(family: ProblemFamily): boolean {
  if (families.has(family.name)) return false;
  families.set(family.name, family);
  return true;
}

/** The family of this name; throws UsageError that names the known ones and the nearest. */
export function familyNamed(name: string): ProblemFamily {
  const family = FAMILIES.get(name);
  if (family) return family;
  const known = [...FAMILIES.keys()];
  throw new UsageError(
    `Cannot find problem "${name}": it must be one of ${known.join(', ')}${suggestion(name, known)}`,
  );
}

/** The family of this name for the given options; throws UsageError as `familyNamed` does. */
export function familyFor(name: string, given: Readonly<Record<string, unknown>>): ProblemFamily {
  const family = familyNamed(name);
  return family.forOptions?.(given) ?? family;
}

/**
 * Checks the options given for a family and fills in the defaults. Numbers may come as text, lists as "20,20", as
 * arrays or as a single number; folders become absolute paths. Throws UsageError, one sentence that names the option
 * and what it must be.
 */
export function optionValues(family: ProblemFamily, given: Readonly<Record<string, unknown>>): OptionValues {
  const names = Object.keys(family.options);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(family.options, name)) continue;
    const known = names.length === 0 ? 'it has no options' : `its options are ${names.join(', ')}`;
    throw new UsageError(`Cannot configure ${family.name}: ${known}, got "${name}"${suggestion(name, names)}`);
  }
  const values: Record<string, number | string | readonly number[]> = {};
  for (const [name, spec] of Object.entries(family.options)) {
    const value = given[name];
    if (value !== undefined) values[name] = checkOption(`Cannot configure ${family.name}`, name, spec, value);
    else if (spec.type !== 'folder') values[name] = spec.default;
  }
  return values;
}

/** Separates the options that results depend on from the folders, which only say where data lie. */
export function separateFolders(
  family: ProblemFamily,
  values: OptionValues,
): { options: OptionValues; folders: Readonly<Record<string, string>> } {
  const isFolder = (name: string) => family.options[name]?.type === 'folder';
  const entries = Object.entries(values);
  return {
    options: Object.fromEntries(entries.filter(([name]) => !isFolder(name))),
    folders: Object.fromEntries(entries.filter(([name]) => isFolder(name)).map(([name, path]) => [name, String(path)])),
  };
}

/** The value as the option's type, or several as text; throws UsageError that begins with the task. */
export function checkOption(task: string, name: string, spec: OptionSpec, value: unknown): OptionValues[string] {
  if (isSeveral(spec, value)) return checkAlternatives(task, name, spec, value);
  return checkSingle(task, name, spec, value);
}
