/** Makes a run ready: new from its flags, or from the folder in which it was begun. */
import type { Goal } from '../../coordinator/pacer.js';
import { checkNumber, show } from '../../shared/check.js';
import { dataDifference, digestOf } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import { AUTO_ENGINE } from '../../shared/options/general.js';
import { textOf } from '../../shared/options/kinds.js';
import type { OptionValue } from '../../shared/options/option.js';
import { optionNames, optionTable } from '../../shared/options/table.js';
import { type PhiFile, readPhi } from '../../shared/phi-file.js';
import { readConfigFile } from './config-file.js';
import { type LockOptions, lockFolder } from './folder-lock.js';
import { phiFileAt } from './named-phi.js';
import { MODULE_FLAG, problemOf, withModulePath } from './problem-module.js';
import { RunFolder, type StoredRun } from './run-folder.js';
import { type Configured, configure, type Flags, problemFlagsOf } from './train-flags.js';

const DEFAULT_PROBLEM = 'quadratic';
const DEFAULT_SECONDS = 60;

/** The flags of every command that trains, beside the options of the run. */
export const TRAINING_FLAGS = {
  seconds: `how long to train: the rounds that fit are planned once (default ${DEFAULT_SECONDS})`,
  rounds: 'how many rounds to train, instead of a time',
  out: 'folder of the run (default: a new one under runs/)',
  ...MODULE_FLAG,
  init: 'start from the φ in this file',
  'from-round': 'with --resume: drop the rounds beyond this one and go on from it',
  config: 'read flags from this YAML file; those given here come first',
} as const;

/** The switches of every command that trains, beside the options of the run. */
export const TRAINING_SWITCHES = { resume: 'go on with the run in --out' } as const;

/** The flags of this kind among those given. */
function only(flags: Flags, keep: (name: string) => boolean): Flags {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => keep(name)));
}

function configures(name: string): boolean {
  return name.startsWith('problem.') || name in MODULE_FLAG || optionNames().includes(name);
}

/** Where a command's flags come from. */
export interface GivenFlags {
  /** Begins every error. */
  task: string;
  problem: string | undefined;
  /** Flags of the command line. */
  given: Flags;
  /** The names of all flags that the command has, and its own switches. */
  known: { names: readonly string[]; switches: Readonly<Record<string, string>> };
}

/** The flags with those of `--config`, checked as far as they are the command's own switches, and the problem's name. */
export function mergeFlags({ task, problem, given, known }: GivenFlags): { flags: Flags; problem: string | undefined } {
  const names = known.names.filter((name) => name !== 'config');
  const fromFile = given['config'] === undefined ? undefined : readConfigFile(String(given['config']), names);
  const flags = withModulePath(task, { ...goalGiven(fromFile?.flags ?? {}, given), ...given });
  for (const name of Object.keys(known.switches)) {
    const value = flags[name];
    if (value === undefined || typeof value === 'boolean') continue;
    throw new UsageError(`${task}: "${name}" must be true or false, got ${show(value)}`);
  }
  return { flags, problem: problem ?? fromFile?.problem };
}

/** The file's flags, without its goal where another one is given. */
function goalGiven(fromFile: Flags, given: Flags): Flags {
  const hasGoal = given['seconds'] !== undefined || given['rounds'] !== undefined;
  return hasGoal ? only(fromFile, (name) => name !== 'seconds' && name !== 'rounds') : fromFile;
}

/**
 * The run that the flags start, or go on with where they say --resume; no other process works on its folder until `release`
 * or the end of this one. Throws UsageError and FileError.
 */
export function prepareRun(
  task: string,
  problem: string | undefined,
  flags: Flags,
  patience: Omit<LockOptions, 'task'> = {},
): Promise<PreparedRun> {
  return flags['resume'] === true ? resumeRun(task, problem, flags, patience) : startRun(task, problem, flags);
}

/** A run that is ready to go on. */
export interface PreparedRun {
  folder: RunFolder;
  stored: StoredRun;
  /** What its config.json held before, and holds until the run goes on; undefined for a new run. */
  before: StoredRun | undefined;
  configured: Configured;
  init: PhiFile | undefined;
  /** Lets another process work on the folder. */
  release: () => void;
}

async function startRun(task: string, named: string | undefined, flags: Flags): Promise<PreparedRun> {
  if (flags['from-round'] !== undefined)
    throw new UsageError(`${task}: --from-round goes back in a run, and needs --resume`);
  const problem = (await problemOf(task, flags, named)) ?? DEFAULT_PROBLEM;
  const init = flags['init'] === undefined ? undefined : readPhi(phiFileAt(task, String(flags['init'])));
  const goal = goalOf(task, flags) ?? { seconds: DEFAULT_SECONDS };
  const configured = await configure(task, problem, flags, init);
  const { config } = configured;
  const stored: StoredRun = {
    config,
    digest: digestOf(config),
    goal,
    flags: only(flags, (name) => name === 'init' || configures(name)),
  };
  const folder = new RunFolder(
    String(flags['out'] ?? `runs/${problem}-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}`),
  );
  folder.create(stored, init);
  const release = await lockFolder(folder.path, { task: `${task} into` });
  return { folder, stored, before: undefined, configured, init, release };
}

async function resumeRun(
  task: string,
  named: string | undefined,
  flags: Flags,
  patience: Omit<LockOptions, 'task'>,
): Promise<PreparedRun> {
  if (flags['out'] === undefined)
    throw new UsageError(`${task}: --resume needs --out, the folder of the run to go on with`);
  if (flags['init'] !== undefined)
    throw new UsageError(`${task}: --init starts a new run, and --resume goes on with one`);
  const fromRound = fromRoundOf(task, flags);
  const folder = new RunFolder(String(flags['out']));
  folder.open();
  const release = await lockFolder(folder.path, { task: 'Cannot resume', ...patience });
  const stored = folder.open();
  if (stored.config.start) {
    throw new UsageError(
      `${task}: ${folder.path} begins with another trial's state; lopt sweep --resume goes on with it`,
    );
  }
  const init = folder.init;
  // auto is what it was when the run began
  const given = only(flags, (name) => configures(name) && !(name === 'engine' && flags[name] === AUTO_ENGINE));
  // where the data lay, and not what was typed: that may have been relative to another folder
  const { folders, engine } = stored.config;
  const places = { ...problemFlagsOf({ problemOptions: {}, folders }), engine };
  const own = { ...stored.flags, ...places, ...given };
  const problem = (await problemOf(task, own, named ?? stored.config.problem))!;
  const configured = await configure(task, problem, own, init);
  const { config } = configured;
  if (digestOf(config) !== stored.digest) throw new UsageError(differenceSentence(folder.path, stored, configured));
  // of the same digest, the two can differ only in their folders
  const run: StoredRun = {
    ...stored,
    config,
    goal: goalOf(task, flags) ?? stored.goal,
    flags: { ...stored.flags, ...given },
    ...(fromRound === undefined ? {} : { fromRound }),
  };
  // a run that is killed before it has gone back does so when it is resumed
  if (fromRound !== undefined) folder.store({ ...stored, fromRound });
  return { folder, stored: run, before: stored, configured, init, release };
}

/** Which part of the configuration is another one than the run's. */
function differenceSentence(path: string, stored: StoredRun, { config }: Configured): string {
  const { folders, ...numeric } = config;
  const data = dataDifference({ folders, dataHashes: stored.config.dataHashes }, config.dataHashes);
  if (data) return `Cannot resume ${path}: ${data}`;
  const before = new Map(leavesOf(stored.config));
  const changed = leavesOf(numeric).find(([key, value]) => JSON.stringify(before.get(key)) !== JSON.stringify(value));
  const [key, now] = changed ?? ['version', config.version];
  const row = optionTable().find((each) => each.path === key);
  const text = (value: unknown) => (row ? textOf(row.kind, value as OptionValue) : JSON.stringify(value));
  const name = row?.name ?? key;
  return `Cannot resume ${path}: "${name}" must stay ${text(before.get(key))}, as the run was started, got ${text(now)}`;
}

/** Every part of a configuration that has no parts itself, by its path. */
function leavesOf(value: object, prefix = ''): [path: string, value: unknown][] {
  return Object.entries(value).flatMap(([name, inner]): [string, unknown][] =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? leavesOf(inner as object, `${prefix}${name}.`)
      : [[`${prefix}${name}`, inner]],
  );
}

function fromRoundOf(task: string, flags: Flags): number | undefined {
  const given = flags['from-round'];
  return given === undefined ? undefined : checkNumber(task, 'from-round', given, { integer: true, minimum: 0 });
}

function goalOf(task: string, flags: Flags): Goal | undefined {
  const { seconds, rounds } = flags;
  if (seconds !== undefined && rounds !== undefined)
    throw new UsageError(`${task}: give --seconds or --rounds, not both`);
  if (rounds !== undefined) return { rounds: checkNumber(task, 'rounds', rounds, { integer: true, minimum: 1 }) };
  if (seconds !== undefined) return { seconds: checkNumber(task, 'seconds', seconds, { minimum: 0, exclusive: true }) };
  return undefined;
}
