/** Loads problem families from users' modules, checks them, and adds them to the registry of this thread. */
import { resolve } from 'node:path';
import { UsageError } from '../../shared/errors.js';
import { evaluateModule } from './module/evaluate.js';
import { checkFamily } from './module/family.js';
import { moduleTask, thrownFault } from './module/fault.js';
import { guardProblems } from './module/guard.js';
import { tryProblems } from './module/trial.js';
import type { OptionValues, ProblemFamily, Problems } from './problem.js';
import { addFamily } from './registry.js';

/** How a module is loaded. */
export interface ModuleOptions {
  /**
   * Whether `configure` tries the problems out: shapes, determinism, the gradient. A thread relies on the trial of the
   * thread that started it. @default true
   */
  trial?: boolean;
}

const loaded = new Map<string, Promise<ProblemFamily>>();

/**
 * Loads the module, once, and adds its family to the registry. Throws FileError or UsageError, one sentence that names
 * the module, what it must be and what was found.
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

/** The absolute paths of the loaded modules. */
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
        // evaluated again, as another thread would
        const again = checkFamily(path, (await evaluateModule(path)).exported);
        await tryProblems(path, problems, await configureGuarded(path, again, options));
      }
      return { ...problems, dataHashes: { ...problems.dataHashes, ...digestHashes(own.name, hashes) } };
    },
  };
  if (addFamily(family)) return family;
  throw new UsageError(`${moduleTask(path)}: its "name" must not be taken by another family, got "${own.name}"`);
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

/** The hashes of the module's files for the configuration digest: named by the family, not by the module's path. */
function digestHashes(family: string, hashes: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(hashes);
  return Object.fromEntries(entries.map(([file, hash]) => [`module ${family}${file && `, ${file}`}`, hash]));
}
