/** `lopt train`: the main job, embedded. */
import type { RunEnd } from '../../coordinator/coordinator.js';
import type { LearnerState } from '../../coordinator/learner.js';
import type { Goal } from '../../coordinator/pacer.js';
import { writeEvaluation } from '../../coordinator/report/evaluation-report.js';
import { MetricsFile } from '../../coordinator/report/metrics.js';
import { checkNumber, show } from '../../shared/check.js';
import { digestOf, initialPhiOf } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import { type PhiFile, readPhi } from '../../shared/phi-file.js';
import { Pool } from '../../worker/pool.js';
import { readConfigFile } from '../config-file.js';
import { trainEmbedded } from '../embedded.js';
import { observeAll, Progress } from '../progress.js';
import { repeatLines } from '../repeat.js';
import { RunFolder, type StoredRun } from '../run-folder.js';
import { writeRunReport } from '../run-report.js';
import {
  type Configured,
  configure,
  type Flags,
  NUMBER_FLAGS,
  SWITCH_FLAGS,
  threadsOf,
  WORD_FLAGS,
} from '../train-flags.js';
import { type Command, EXIT } from './command.js';
import { compareAndPrint } from './eval.js';

const TASK = 'Cannot train';
const DEFAULT_PROBLEM = 'quadratic';
const DEFAULT_SECONDS = 60;

/** Flags that say how a run is computed and shown, not what it computes. */
const RUN_FLAGS = {
  seconds: `how long to train: the rounds that fit are planned once (default ${DEFAULT_SECONDS})`,
  rounds: 'how many rounds to train, instead of a time',
  threads: 'threads that compute (default: all processors)',
  out: 'folder of the run (default: a new one under runs/)',
} as const;

const describeNumbers = Object.entries(NUMBER_FLAGS).map(([name, { describe }]) => [name, describe] as const);

export const train: Command = {
  name: 'train',
  usage: 'train [problem]',
  summary: 'train φ on this machine: coordinator and threads in one process',
  flags: {
    ...RUN_FLAGS,
    ...Object.fromEntries(describeNumbers),
    ...WORD_FLAGS,
    init: 'start from the φ in this file',
    config: 'read flags from this YAML file; those given here come first',
  },
  switches: {
    ...SWITCH_FLAGS,
    resume: 'go on with the run in --out',
    compare: 'afterwards, hold φ against tuned hand-designed optimizers',
  },
  problemOptions: true,
  run: runTrain,
};

/** The flags of this kind among those given. */
function only(flags: Flags, keep: (name: string) => boolean): Flags {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => keep(name)));
}

function configures(name: string): boolean {
  return name in NUMBER_FLAGS || name in WORD_FLAGS || name in SWITCH_FLAGS || name.startsWith('problem.');
}

async function runTrain(positionals: Readonly<Record<string, string | undefined>>, given: Flags): Promise<number> {
  const fromFile = given['config'] === undefined ? undefined : readConfigFile(String(given['config']), knownFlags());
  const flags = { ...goalGiven(fromFile?.flags ?? {}, given), ...given };
  for (const name of Object.keys(train.switches)) {
    const value = flags[name];
    if (value === undefined || typeof value === 'boolean') continue;
    throw new UsageError(`${TASK}: "${name}" must be true or false, got ${show(value)}`);
  }
  const problem = positionals['problem'] ?? fromFile?.problem;
  const threads = threadsOf(TASK, flags);
  const prepared = flags['resume'] === true ? await resumeRun(problem, flags) : await startRun(problem, flags);
  return trainAndSave(prepared, threads, flags['compare'] === true);
}

/** The file's flags, without its goal where another one is given. */
function goalGiven(fromFile: Flags, given: Flags): Flags {
  const hasGoal = given['seconds'] !== undefined || given['rounds'] !== undefined;
  return hasGoal ? only(fromFile, (name) => name !== 'seconds' && name !== 'rounds') : fromFile;
}

function knownFlags(): string[] {
  return [...Object.keys(train.flags), ...Object.keys(train.switches)].filter((name) => name !== 'config');
}

/** A run that is ready to go on. */
interface PreparedRun {
  folder: RunFolder;
  stored: StoredRun;
  configured: Configured;
  init: PhiFile | undefined;
}

async function startRun(problem: string = DEFAULT_PROBLEM, flags: Flags): Promise<PreparedRun> {
  const init = flags['init'] === undefined ? undefined : readPhi(String(flags['init']));
  const goal = goalOf(flags) ?? { seconds: DEFAULT_SECONDS };
  const configured = await configure(TASK, problem, flags, init);
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
  return { folder, stored, configured, init };
}

async function resumeRun(problem: string | undefined, flags: Flags): Promise<PreparedRun> {
  if (flags['out'] === undefined)
    throw new UsageError(`${TASK}: --resume needs --out, the folder of the run to go on with`);
  if (flags['init'] !== undefined)
    throw new UsageError(`${TASK}: --init starts a new run, and --resume goes on with one`);
  const folder = new RunFolder(String(flags['out']));
  const stored = folder.open();
  const init = folder.init;
  const configured = await configure(
    TASK,
    problem ?? stored.config.problem,
    { ...stored.flags, ...only(flags, configures) },
    init,
  );
  if (digestOf(configured.config) !== stored.digest)
    throw new UsageError(differenceSentence(folder.path, stored, configured));
  const goal = goalOf(flags) ?? stored.goal;
  folder.store({ ...stored, goal });
  return { folder, stored: { ...stored, goal }, configured, init };
}

/** Which part of the configuration is another one than the run's. */
function differenceSentence(path: string, stored: StoredRun, { config }: Configured): string {
  const entries = (value: object, prefix = ''): [string, string][] =>
    Object.entries(value).flatMap(([name, inner]): [string, string][] =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? entries(inner as object, `${prefix}${name}.`)
        : [[`${prefix}${name}`, JSON.stringify(inner)]],
    );
  const before = new Map(entries(stored.config));
  const [name, now] = entries(config).find(([key, value]) => before.get(key) !== value) ?? ['version', config.version];
  return `Cannot resume ${path}: "${name}" must stay ${before.get(name)}, as the run was started, got ${now}`;
}

function goalOf(flags: Flags): Goal | undefined {
  const { seconds, rounds } = flags;
  if (seconds !== undefined && rounds !== undefined)
    throw new UsageError(`${TASK}: give --seconds or --rounds, not both`);
  if (rounds !== undefined) return { rounds: checkNumber(TASK, 'rounds', rounds, { integer: true, minimum: 1 }) };
  if (seconds !== undefined) return { seconds: checkNumber(TASK, 'seconds', seconds, { minimum: 0, exclusive: true }) };
  return undefined;
}

async function trainAndSave(
  { folder, stored, configured, init }: PreparedRun,
  threads: number,
  compare: boolean,
): Promise<number> {
  const { config, goal } = stored;
  const progress = new Progress(process.stdout, config, goal);
  const metrics = new MetricsFile(folder.metrics);
  const saver = {
    saved({ best, phi }: LearnerState): void {
      const last = new Float32Array(phi);
      folder.writePhis(config, best ?? { phi: last }, last);
    },
  };
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    progress.say('Finishing the round; press Ctrl-C again to stop at once.');
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  progress.say(
    `Training φ on ${config.problem} with ${threads} thread${threads === 1 ? '' : 's'}, into ${folder.path}`,
  );
  let end: RunEnd;
  try {
    end = await trainEmbedded({
      folder: folder.path,
      threads,
      config,
      phi: init ? new Float64Array(init.phi) : initialPhiOf(config),
      goal,
      logger: {
        info: (line) => progress.say(line),
        warn: (line) => progress.say(line),
        error: (line) => progress.say(line),
      },
      observer: observeAll(progress, metrics, saver),
      signal: stop.signal,
    });
  } finally {
    metrics.flush();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
  const { state, best } = end;
  if (end.interrupted) {
    await writeRunReport(folder, stored, state);
    progress.say(`Stopped after round ${state.round}; go on with: lopt train --resume --out ${folder.path}`);
    return EXIT.interrupted;
  }
  folder.writePhis(config, best, new Float32Array(state.phi));
  progress.say(`Trained ${state.round} rounds; the best φ is that of round ${best.round}: ${folder.best}`);
  for (const line of repeatLines(stored, state, folder.path)) progress.say(line);
  // before the comparison, too: that may be interrupted
  await writeRunReport(folder, stored, state);
  if (compare) {
    await compareTrained(folder, configured, threads);
    await writeRunReport(folder, stored, state);
  }
  progress.say(`Curves, table and configuration: ${folder.report}`);
  return EXIT.done;
}

/** Compares the run's best φ with hand-designed optimizers, and keeps the figures in its folder. */
async function compareTrained(folder: RunFolder, configured: Configured, threads: number): Promise<void> {
  const pool = new Pool(threads);
  try {
    const report = await compareAndPrint({ ...configured, phiFile: readPhi(folder.best), pool });
    writeEvaluation(folder.evaluation, report);
  } finally {
    await pool.close();
  }
}
