/** Problem families from users' own modules: loaded, checked, and added to those that this thread knows. */
import { resolve } from 'node:path';
import { UsageError } from '../../shared/errors.js';
import { evaluateModule } from './module/evaluate.js';
import { checkFamily } from './module/family.js';
import { moduleTask, thrownFault } from './module/fault.js';
import { guardProblems } from './module/guard.js';
import { tryProblems } from './module/trial.js';
import type { OptionValues, ProblemFamily, Problems } from './problem.js';
import { addFamily } from './registry.js';

/** Options of loading a module. */
export interface ModuleOptions {
  /**
   * Try the problems out when they are configured: shapes, determinism, the gradient. A thread trusts what the thread that
   * started it has tried. @default true
   */
  trial?: boolean;
}

const loaded = new Map<string, Promise<ProblemFamily>>();

/**
 * Loads the module, once, and adds its family to the registry. Throws FileError or UsageError, one sentence that names the
 * module, what it must be and what was found.
 */
export function loadProblemModule(path: string, { trial = true }: ModuleOptions = {}): Promise<ProblemFamily> {
  const absolute = resolve(path);
  let family = loaded.get(absolute);
  if (!family) {
    family = load(absolute, trial);
    loaded.set(absolute, family);
    family.catch(() => loaded.delete(absolute));
  }
  return family;
}

/** The absolute paths of the modules that were loaded. */
export function loadedModules(): string[] {
  return [...loaded.keys()];
}

async function load(path: string, trial: boolean): Promise<ProblemFamily> {
  const { exported, hashes } = await evaluateModule(path);
  const own = checkFamily(path, exported);
  const family: ProblemFamily = {
    name: own.name,
    summary: own.summary,
    options: own.options,
    training: own.training,
    async configure(options) {
      const problems = await configureGuarded(path, own, options);
      if (trial) {
        // as another thread would have it: evaluated anew
        const again = checkFamily(path, (await evaluateModule(path)).exported);
        await tryProblems(path, problems, await configureGuarded(path, again, options));
      }
      return { ...problems, dataHashes: { ...problems.dataHashes, ...named(own.name, hashes) } };
    },
  };
  if (addFamily(family)) return family;
  throw new UsageError(`${moduleTask(path)}: its "name" must be that of no other family, got "${own.name}"`);
}

async function configureGuarded(path: string, family: ProblemFamily, options: OptionValues): Promise<Problems> {
  let problems: unknown;
  try {
    problems = await family.configure(options);
  } catch (cause) {
    throw thrownFault(path, 'configure() must resolve to the problems', cause);
  }
  return guardProblems(path, problems);
}

/** The hashes of the module's files, as the configuration digest holds them: by the family, not by where the module lies. */
function named(family: string, hashes: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(hashes);
  return Object.fromEntries(entries.map(([file, hash]) => [`module ${family}${file && `, ${file}`}`, hash]));
}
