/** Reads a sweep's file: W&B's sweep configuration with a few keys of lopt's own. */
import { createHash } from 'node:crypto';
import type { Node } from 'yaml';
import { show, suggestion } from '../../../shared/check.js';
import { FileError, messageOf } from '../../../shared/errors.js';
import { axisOf, type Parameter, type ParameterValue, sizeOf, valueAt } from '../domain.js';
import { METRICS, type MetricName } from '../metric.js';
import { METHODS, type Method, type SchedulerPlan, type SweepPlan } from '../plan.js';
import { gridSize } from '../samplers/grid.js';
import { SOBOL_DIMENSIONS } from '../samplers/sobol.js';
import { hyperbandBrackets, trialsOf } from '../schedulers/hyperband.js';
import { type Entries, type Entry, LocatedYaml } from './located.js';
import { readParameter, valueFrom } from './parameter.js';
import { readEarlyTerminate, readScheduler } from './scheduler.js';

/** A flag of `lopt train` that a sweep may set. */
export interface SweepFlag {
  /** Whether it may change while a member trains, like a learning rate but unlike the layers. */
  mutable?: boolean;
  /** Throws an error that says why a value is not allowed. */
  check?: (value: ParameterValue) => void;
}

/** The flags that can be swept for a problem; null means the default problem. */
export type SweepFlags = (problem: string | null) => ReadonlyMap<string, SweepFlag>;

/** The keys of the file and what they mean. */
export const SWEEP_KEYS = {
  // of W&B
  program: 'what the trials run: train',
  name: 'name of the sweep',
  description: 'what the sweep is about',
  method: 'how parameters are proposed: grid, random, sobol, tpe; bayes is tpe',
  metric: 'what to minimize or maximize: {name, goal}',
  parameters: 'flags of lopt train, each with a value, values or a distribution; nested ones are joined by dots',
  early_terminate: 'when trials stop: {type: hyperband, min_iter or max_iter with s, eta, strict}, in rounds',
  run_cap: 'number of trials; for pbt, the size of the population',
  // lopt's own
  problem: 'the problem family that is trained on',
  rounds: 'rounds of a trial that runs in full',
  seed: 'seed of all randomness in the sweep (default 0)',
  parallel: 'trials that run concurrently (default 4); tpe proposes trial n once trial n − parallel is over',
  scheduler: 'how long trials run: {type, …}; types and their keys: SCHEDULERS',
  flags: 'flags of lopt train that all trials share, by name',
} as const;

type SweepKey = keyof typeof SWEEP_KEYS;

/** W&B's name of model-based search. */
const BAYES = 'bayes';

const DEFAULT_PARALLEL = 4;

const MOST_TRIALS = 10_000;

/** Reads a sweep's file. Throws FileError with line and column. @param path for the errors */
export function readSweepFile(path: string, text: string, flags: SweepFlags): SweepPlan {
  const file = new LocatedYaml(path, text);
  const { root } = file;
  if (root === null)
    throw new FileError(path, `Cannot read a sweep from ${path}: it must hold keys and values, and is empty`);
  const entries = file.entries(root, 'a sweep', Object.keys(SWEEP_KEYS));
  const needed = (name: SweepKey) => entries.get(name) ?? file.fail(root, `a sweep must have "${name}"`);
  const optional = <Value>(name: SweepKey, read: (entry: Entry) => Value, otherwise: Value) => {
    const entry = entries.get(name);
    return entry ? read(entry) : otherwise;
  };
  const count = { integer: true, minimum: 1 };
  optional('program', (entry) => file.choice(entry, ['train'] as const), 'train');
  const problem = optional<string | null>('problem', (entry) => file.text(entry), null);
  const named = file.choice(needed('method'), [...METHODS, BAYES]);
  const method: Method = named === BAYES ? 'tpe' : named;
  const rounds = file.number(needed('rounds'), count);
  const reader = new ParameterReader(file, flags(problem));
  const parameters = needed('parameters');
  reader.read(file.entries(parameters.value, '"parameters"'), '');
  optional('flags', (entry) => reader.readFlags(entry), undefined);
  const { space, fixed, mutable } = reader;
  if (space.length === 0)
    file.fail(parameters.key, 'the space is empty: at least one parameter must have several values');
  checkMethod(file, needed('method'), method, reader);
  const scheduler = schedulerFrom(file, entries, rounds);
  return {
    digest: createHash('sha256').update(JSON.stringify(file.content)).digest('hex'),
    name: optional<string | null>('name', (entry) => file.text(entry), null),
    description: optional<string | null>('description', (entry) => file.text(entry), null),
    problem,
    method,
    seed: optional('seed', (entry) => file.number(entry, { integer: true, minimum: 0 }), 0),
    metric: metricFrom(file, needed('metric')),
    space,
    fixed,
    mutable,
    rounds,
    trials: trialsFrom(file, root, entries.get('run_cap'), { method, scheduler, rounds, space }),
    parallel: optional('parallel', (entry) => file.number(entry, count), DEFAULT_PARALLEL),
    scheduler,
  };
}

/** Collects parameters and fixed flags, and checks that they are flags. */
class ParameterReader {
  readonly space: Parameter[] = [];
  readonly fixed: Record<string, ParameterValue> = {};
  readonly mutable: string[] = [];
  readonly places = new Map<string, Node>();
  readonly #file: LocatedYaml;
  readonly #flags: ReadonlyMap<string, SweepFlag>;

  constructor(file: LocatedYaml, flags: ReadonlyMap<string, SweepFlag>) {
    this.#file = file;
    this.#flags = flags;
  }

  /** @param prefix of the names: nested names are joined by dots, as in problem.dimension */
  read(entries: Entries, prefix: string): void {
    for (const entry of entries.values()) {
      const read = readParameter(this.#file, entry);
      if (read.type === 'nested') {
        this.read(read.entries, `${prefix}${entry.name}.`);
        continue;
      }
      const name = this.#flagNamed(prefix + entry.name, entry.key);
      const flag = this.#flags.get(name)!;
      if (read.type === 'constant') {
        this.#check(flag, read.value, read.at);
        this.fixed[name] = read.value;
        continue;
      }
      const { domain } = read;
      const axis = domain.type === 'categorical' ? undefined : axisOf(domain);
      const extremes =
        domain.type === 'categorical' ? domain.choices : [axis!.low, axis!.high].map((end) => valueAt(domain, end));
      for (const value of extremes) this.#check(flag, value, read.at);
      this.space.push({ name, domain });
      if (flag.mutable) this.mutable.push(name);
    }
  }

  /** Reads `flags`, which all trials share. */
  readFlags({ value }: Entry): void {
    for (const entry of this.#file.entries(value, '"flags"').values()) {
      const name = this.#flagNamed(entry.name, entry.key);
      const fixed = valueFrom(this.#file, entry.value);
      this.#check(this.#flags.get(name)!, fixed, entry.value);
      this.fixed[name] = fixed;
    }
  }

  /** The flag of a name, with underscores for dashes allowed. Each flag may be given once. */
  #flagNamed(written: string, at: Node): string {
    const dashed = written.replaceAll('_', '-');
    const name = [written, dashed].find((candidate) => this.#flags.has(candidate));
    if (name === undefined) {
      const known = [...this.#flags.keys()];
      const hint = suggestion(dashed, known) || `; there are ${known.join(', ')}`;
      return this.#file.fail(at, `there is no flag "${written}" of lopt train that can be swept${hint}`);
    }
    if (this.places.has(name)) this.#file.fail(at, `"${name}" must be given once, but is also given above`);
    this.places.set(name, at);
    return name;
  }

  #check({ check }: SweepFlag, value: ParameterValue, at: Node): void {
    try {
      check?.(value);
    } catch (error) {
      this.#file.fail(at, messageOf(error));
    }
  }
}

function metricFrom(file: LocatedYaml, entry: Entry): SweepPlan['metric'] {
  const entries = file.entries(entry.value, '"metric"', ['name', 'goal']);
  const name = entries.get('name') ?? file.fail(entry.key, '"metric" must have a "name"');
  const names = Object.keys(METRICS) as MetricName[];
  const plain = file.plain(name.value);
  const found = names.find((candidate) => candidate === plain);
  if (!found) file.fail(name.value, `a run has no metric ${show(plain)}; it has ${names.join(', ')}`);
  const goal = entries.get('goal');
  return { name: found, goal: goal ? file.choice(goal, ['minimize', 'maximize'] as const) : 'minimize' };
}

function schedulerFrom(file: LocatedYaml, entries: Entries, rounds: number): SchedulerPlan {
  const [scheduler, early] = [entries.get('scheduler'), entries.get('early_terminate')];
  if (scheduler && early) file.fail(early.key, 'a sweep must have "scheduler" or "early_terminate", and not both');
  if (early) return readEarlyTerminate(file, early, rounds);
  return scheduler ? readScheduler(file, scheduler, rounds) : { type: 'none' };
}

function checkMethod(file: LocatedYaml, { value }: Entry, method: Method, { space, places }: ParameterReader): void {
  if (method === 'grid') {
    const infinite = space.find(({ domain }) => sizeOf(domain) === Number.POSITIVE_INFINITY);
    if (infinite) {
      file.fail(
        places.get(infinite.name)!,
        `a grid must have a finite set of values for "${infinite.name}": "values", or a "q"`,
      );
    }
  }
  if (method === 'sobol' && space.length > SOBOL_DIMENSIONS) {
    file.fail(value, `sobol must have at most ${SOBOL_DIMENSIONS} parameters, got ${space.length}`);
  }
}

/** The number of trials: `run_cap`, or the size of the grid or of one cycle of hyperband. */
function trialsFrom(
  file: LocatedYaml,
  root: Node,
  cap: Entry | undefined,
  { method, scheduler, rounds, space }: Pick<SweepPlan, 'method' | 'scheduler' | 'rounds' | 'space'>,
): number {
  const least = scheduler.type === 'pbt' ? 2 : 1;
  const capped = cap ? file.number(cap, { integer: true, minimum: least }) : Number.POSITIVE_INFINITY;
  const grid = method === 'grid' ? gridSize(space) : Number.POSITIVE_INFINITY;
  const turn =
    scheduler.type === 'hyperband' && !cap
      ? trialsOf(hyperbandBrackets({ rounds, ...scheduler }))
      : Number.POSITIVE_INFINITY;
  const trials = Math.min(capped, grid, turn);
  if (trials > MOST_TRIALS)
    file.fail(cap?.value ?? root, `a sweep must have a "run_cap", the number of trials, of at most ${MOST_TRIALS}`);
  return trials;
}
