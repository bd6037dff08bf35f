/** Which runs a server holds, and how each is doing. For people: nothing that a run computes depends on it. */
import type { ArchitectureConfig } from '../architectures/architecture.js';
import { architectureShape } from '../architectures/registry.js';
import type { RunConfig } from '../config.js';
import { configShape } from '../config-shape.js';
import { ClusterError } from '../errors.js';
import { finite, integer, object, type Shape, text, word } from '../shape.js';
import { clusterSubjects, DEFAULT_PREFIX, isToken, runSubjects } from '../subjects.js';
import { type JetStream, REFUSALS } from './jetstream.js';
import { KeyValues } from './key-values.js';

/** What a run is. */
export interface RegisteredRun {
  run: string;
  digest: string;
  config: RunConfig;
}

/** How a run is doing: written by its coordinator every second or so. */
export interface RunBeat {
  state: 'running' | 'finished' | 'interrupted' | 'failed';
  term: number;
  round: number;
  /** The planned rounds; 0 if there is no plan yet. */
  plannedRounds: number;
  workers: number;
  /** What two workers have computed, and found equal, since this coordinator began. @default not known */
  checked?: number;
  /** Only for a sweep. */
  sweep?: SweepFigures;
  /** When it was written, by the coordinator's clock: ISO 8601. */
  at: string;
}

/** The trial of a sweep that is the best so far. */
export interface BestTrial {
  trial: number;
  member: number;
  /** The value of the metric. */
  value: number;
  /** The architecture of its φ; absent if it ran under an earlier coordinator. */
  architecture?: ArchitectureConfig;
}

/** How a sweep is doing. */
export interface SweepFigures {
  /** Trials in total, running and finished. */
  trials: number;
  running: number;
  done: number;
  /** The best trial so far. */
  best?: BestTrial;
}

/** A run in the list; `beat` is undefined until its coordinator has begun. */
export interface ListedRun extends RegisteredRun {
  beat: RunBeat | undefined;
}

/** ISO 8601, as Date writes it. */
const moment = text(40, /^[\d-]+T[\d:.]+Z$/);

const registered: Shape<RegisteredRun> = object<RegisteredRun>({
  run: text(64, /^[A-Za-z0-9_-]+$/),
  digest: text(64, /^[0-9a-f]+$/),
  config: configShape,
});

const sweepShape: Shape<SweepFigures> = object<SweepFigures>(
  {
    trials: integer(),
    running: integer(),
    done: integer(),
    best: object<BestTrial>({ trial: integer(), member: integer(), value: finite, architecture: architectureShape }, [
      'architecture',
    ]),
  },
  ['best'],
);

const beatShape: Shape<RunBeat> = object<RunBeat>(
  {
    state: word('running', 'finished', 'interrupted', 'failed'),
    term: integer(),
    round: integer(),
    plannedRounds: integer(),
    workers: integer(),
    checked: integer(),
    sweep: sweepShape,
    at: moment,
  },
  ['checked', 'sweep'],
);

const stopShape = object<{ at: string }>({ at: moment });

export class RunRegistry {
  readonly #values: KeyValues;
  readonly #jetStream: JetStream;
  readonly #prefix: string;

  private constructor(values: KeyValues, prefix: string) {
    this.#values = values;
    this.#jetStream = values.jetStream;
    this.#prefix = prefix;
  }

  /** Opens the registry of a prefix. */
  static async open(jetStream: JetStream, { prefix = DEFAULT_PREFIX, replicas = 1 } = {}): Promise<RunRegistry> {
    return new RunRegistry(await KeyValues.open(jetStream, clusterSubjects(prefix).registry, replicas), prefix);
  }

  /** The bucket, for leases of runs. */
  get values(): KeyValues {
    return this.#values;
  }

  /** Lists a run, and clears a request to stop it. Throws ClusterError if another configuration has the name. */
  async register(entry: RegisteredRun): Promise<void> {
    const { run, digest } = entry;
    const task = `Cannot start run ${run}`;
    for (const patience = this.#jetStream.patience(task); ; ) {
      const found = await this.#values.get(aboutKey(run), registered);
      if (found !== 'silent' && found && found.value.digest !== digest) {
        throw new ClusterError(
          `${task}: NATS at ${this.#jetStream.link.servers} holds a run of this name with another configuration; choose another name, or end that run with lopt stop ${run} --delete`,
        );
      }
      const written = found === 'silent' ? found : await this.#values.set(aboutKey(run), entry, found?.revision ?? 0);
      if (typeof written === 'object') break;
      await patience(`the registry is ${written}`);
    }
    await this.#values.remove(stopKey(run));
  }

  /** Says how a run is doing; returns whether the server took it. Does not wait for a server that is away. */
  async beat(run: string, beat: Omit<RunBeat, 'at'>): Promise<boolean> {
    const written = await this.#values.set(beatKey(run), { ...beat, at: new Date().toISOString() });
    return typeof written === 'object';
  }

  /** A run; undefined if there is none of this name. */
  async find(run: string): Promise<ListedRun | undefined> {
    const about = await this.#answered(aboutKey(run), registered);
    return about && { ...about, beat: await this.#answered(beatKey(run), beatShape) };
  }

  /** All runs, by name. */
  async list(): Promise<ListedRun[]> {
    const named = (await this.#values.keys()).flatMap((key) => /^(.*)\.about$/.exec(key)?.[1] ?? []);
    // anybody who may write there can make a key of any characters
    const runs = named.filter(isToken);
    const found = await Promise.all(runs.sort().map((run) => this.find(run)));
    return found.filter((run) => run !== undefined);
  }

  /** Asks the coordinator of a run to end it, which it learns from `stopRequested`. */
  async requestStop(run: string): Promise<void> {
    const task = `Cannot stop run ${run}`;
    for (const patience = this.#jetStream.patience(task); ; ) {
      const written = await this.#values.set(stopKey(run), { at: new Date().toISOString() });
      if (typeof written === 'object') return;
      await patience('no answer');
    }
  }

  /** Whether the run was asked to end; false if the server is away. */
  async stopRequested(run: string): Promise<boolean> {
    return typeof (await this.#values.get(stopKey(run), stopShape)) === 'object';
  }

  /** Deletes everything that the server holds of a run: its journal, its checkpoints, its entries here. */
  async remove(run: string): Promise<void> {
    const { journalStream, checkpoints } = runSubjects(run, this.#prefix);
    const task = `Cannot delete run ${run}`;
    for (const stream of [journalStream, `OBJ_${checkpoints}`]) {
      const outcome = await this.#jetStream.ask(task, ({ manager }) => manager.streams.delete(stream));
      if ('refusal' in outcome && outcome.refusal.code !== REFUSALS.noStream) {
        throw this.#jetStream.refused(task, outcome.refusal);
      }
    }
    for (const key of await this.#values.keys()) if (key.startsWith(`${run}.`)) await this.#values.remove(key);
  }

  async #answered<Value>(key: string, shape: Shape<Value>): Promise<Value | undefined> {
    for (const patience = this.#jetStream.patience(`Cannot read ${key}`); ; ) {
      const found = await this.#values.get(key, shape);
      if (found !== 'silent') return found?.value;
      await patience('no answer');
    }
  }
}

function aboutKey(run: string): string {
  return `${run}.about`;
}

function beatKey(run: string): string {
  return `${run}.beat`;
}

function stopKey(run: string): string {
  return `${run}.stop`;
}
