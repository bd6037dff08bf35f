/** The flags of `lopt train`, and the configuration that they make. */
import { availableParallelism } from 'node:os';
import { checkNumber } from '../../shared/check.js';
import { combinationFault } from '../../shared/combination.js';
import { type RunConfig, VERSION } from '../../shared/config.js';
import { configShape } from '../../shared/config-shape.js';
import { UsageError } from '../../shared/errors.js';
import { estimatorOf } from '../../shared/estimators/registry.js';
import { build } from '../../shared/options/build.js';
import { AUTO_ENGINE } from '../../shared/options/general.js';
import { type ResolvedOptions, resolveOptions } from '../../shared/options/resolve.js';
import type { PhiFile } from '../../shared/phi-file.js';
import { ruleOf } from '../../worker/architectures/registry.js';
import { ENGINES } from '../../worker/engines/select.js';
import type { ProblemFamily, Problems } from '../../worker/problems/problem.js';
import { familyFor, optionValues, separateFolders } from '../../worker/problems/registry.js';
import { autoEngine } from './auto-engine.js';

/** Flags as they were given, by name: from the command line or a file. */
export type Flags = Readonly<Record<string, unknown>>;

/** The part of the outer optimizer that no option sets: Adam as Kingma and Ba 2015 have it. */
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** What computes if no GPU does: the first that can. */
export const CPU_ENGINES: readonly string[] = ['native', 'wasm', 'reference'];

const PROBLEM_PREFIX = 'problem.';

/** What a command trains or evaluates. */
export interface Configured {
  family: ProblemFamily;
  problems: Problems;
  config: RunConfig;
}

/**
 * The threads that a command computes with. If the user does not say, all processors, or one for an engine that takes no
 * more.
 */
export function threadsOf(task: string, flags: Flags, engine = String(flags['engine'])): number {
  const { threads } = flags;
  const single = ENGINES.get(engine)?.single ?? false;
  if (threads === undefined) return single ? 1 : availableParallelism();
  const count = checkNumber(task, 'threads', threads, { integer: true, minimum: 1, maximum: 1024 });
  if (single && count > 1) {
    throw new UsageError(
      `${task}: "threads" must be 1 with engine ${engine}, which one thread of a process has, got ${count}`,
    );
  }
  return count;
}

/** The options of the problem family among the flags, without their prefix. */
export function problemFlags(flags: Flags): Record<string, unknown> {
  const named = Object.entries(flags).filter(([name]) => name.startsWith(PROBLEM_PREFIX));
  return Object.fromEntries(named.map(([name, value]) => [name.slice(PROBLEM_PREFIX.length), value]));
}

/** The options of a configuration's problems as flags, folders included. */
export function problemFlagsOf({ problemOptions, folders }: Pick<RunConfig, 'problemOptions' | 'folders'>): Flags {
  const options = Object.entries({ ...problemOptions, ...folders });
  return Object.fromEntries(options.map(([name, value]) => [`${PROBLEM_PREFIX}${name}`, value]));
}

/** Checks the flags and makes the configuration; loads the problems' data. Throws UsageError. */
export async function configure(task: string, problem: string, flags: Flags, init?: PhiFile): Promise<Configured> {
  const given = problemFlags(flags);
  const family = familyFor(problem, given);
  const options = resolveOptions({ task, given: flags, training: family.training, start: init?.architecture });
  const values = optionValues(family, given);
  const fault = combinationFault({ ...options, problem, problemOptions: values });
  if (fault !== undefined) throw new UsageError(`${task}: ${fault}`);
  const engine = await engineOf(task, options);
  const problems = await family.configure(values);
  const separate = separateFolders(family, values);
  const config = configShape(
    {
      ...build(options.rows, options.values, { outer: ADAM }),
      version: VERSION,
      problem,
      problemOptions: separate.options,
      folders: separate.folders,
      engine,
      initialPhi: init?.hash ?? null,
      dataHashes: problems.dataHashes ?? {},
    },
    'configuration',
  );
  return { family, problems, config };
}

/** The engine that is named, or the fastest one here. Throws UsageError if it cannot compute the run. */
async function engineOf(task: string, options: ResolvedOptions): Promise<string> {
  const named = String(options.values.get('engine'));
  const engine = named === AUTO_ENGINE ? await fastestEngine(options) : named;
  const fault = combinationFault(options, ENGINES.get(engine));
  if (fault !== undefined) throw new UsageError(`${task}: ${fault}`);
  return engine;
}

function fastestEngine(options: ResolvedOptions): string | Promise<string> {
  const { architecture, estimator } = options;
  const able = CPU_ENGINES.find((engine) => combinationFault(options, ENGINES.get(engine)) === undefined);
  const cpu = able ?? CPU_ENGINES[0]!;
  // a GPU computes by plain operations what it has no kernel for, and keeps second derivatives so
  const plain = !ruleOf(architecture).kernels.onDevices?.(architecture);
  return plain || estimatorOf(estimator).needs(estimator).secondDerivatives ? cpu : autoEngine(cpu);
}
