/** `lopt up`: a cluster on this machine: nats-server, coordinator and workers, each a process of its own. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkNumber } from '../../shared/check.js';
import { ClusterError, UsageError } from '../../shared/errors.js';
import { makeFolder } from '../../shared/files.js';
import { ENGINES } from '../../worker/engines/select.js';
import { NATS_FLAGS, natsFlags } from '../cluster/flags.js';
import { findNatsServer } from '../cluster/nats-server.js';
import type { KeeperMessage } from '../cluster/server-keeper.js';
import { Supervised } from '../cluster/supervisor.js';
import { LIVE_FLAGS, liveAddress } from '../live/flags.js';
import { EXIT } from '../run/exit.js';
import { mergeFlags, prepareRun, TRAINING_FLAGS, TRAINING_SWITCHES } from '../run/prepare-run.js';
import { withModulePath } from '../run/problem-module.js';
import { configure, type Flags, threadsOf } from '../run/train-flags.js';
import { isSweepFile, prepareSweep } from '../sweep/prepare-sweep.js';
import { SweepFolder } from '../sweep/sweep-folder.js';
import type { Command } from './command.js';
import { CLUSTER_FLAGS, COMPARE_SWITCH, PATIENCE, RESUME_VARIABLE, runNameIn, runNameOf } from './coordinator.js';
import { everyOption, flagNames } from './flags.js';
import { SWEEP_FLAGS, SWEEP_SWITCHES } from './sweep.js';

const TASK = 'Cannot bring a cluster up';
const CLI = fileURLToPath(new URL('../cli.js', import.meta.url));
const KEEPER = fileURLToPath(new URL('../cluster/server-keeper.js', import.meta.url));

/** What a coordinator may take to finish its round and save: more than any of its own limits. */
const STOP_MS = 150_000;

/** A worker that fails so often in a row, and was not killed, is not started again. */
const MOST_FAILURES = 5;

export const up: Command = {
  name: 'up',
  usage: 'up [problem]',
  summary: 'train, or sweep by a FILE.yaml, on a cluster of processes on this machine, over a real nats-server',
  flags: {
    ...TRAINING_FLAGS,
    parallel: SWEEP_FLAGS.parallel,
    ...CLUSTER_FLAGS,
    ...NATS_FLAGS,
    ...LIVE_FLAGS,
    workers: 'worker processes (default 2)',
    threads: 'threads of each worker (default: the processors shared out)',
  },
  options: everyOption,
  switches: { ...TRAINING_SWITCHES, ...COMPARE_SWITCH },
  problemOptions: true,
  run: runUp,
};

async function runUp(positionals: Readonly<Record<string, string | undefined>>, given: Flags): Promise<number> {
  const known = { names: flagNames(up), switches: up.switches };
  const named = positionals['problem'];
  const sweeps = isSweepFile(named) || (given['resume'] === true && holdsSweep(given['out']));
  const { flags, problem } = sweeps
    ? { flags: sweepFlagsOnly(given), problem: undefined }
    : mergeFlags({ task: TASK, problem: named, given, known });
  if (!sweeps && flags['parallel'] !== undefined) {
    throw new UsageError(`${TASK}: "parallel" is of sweeps, and this is a run; name a FILE.yaml`);
  }
  const count = (name: string, otherwise: number) =>
    checkNumber(TASK, name, flags[name] ?? otherwise, { integer: true, minimum: 1, maximum: 1024 });
  const workers = count('workers', 2);
  const shared = count('threads', Math.max(1, Math.floor(availableParallelism() / workers)));
  liveAddress(TASK, flags);
  const { nats } = natsFlags(TASK, flags);
  const external = flags['nats'] !== undefined || process.env['NATS_URL'];
  const binary = external ? undefined : serverBinary();
  // checked, and written into its folder: from there the coordinator goes on with it, now and whenever it is killed
  const prepared = sweeps
    ? await prepareSweep(TASK, named, flags, PATIENCE)
    : await prepareRun(TASK, problem, flags, PATIENCE);
  const { folder, release } = prepared;
  // the coordinator takes the goal from there
  if ('configured' in prepared) prepared.folder.store(prepared.stored);
  const run =
    'configured' in prepared ? runNameIn(prepared.folder, flags) : String(flags['run'] ?? runNameOf(folder.path));
  release();
  // of a sweep, the engine that its trials have in common
  const { config } =
    'configured' in prepared ? prepared.configured : await configure(TASK, prepared.stored.problem, prepared.flags);
  const { engine } = config;
  const threads = ENGINES.get(engine)?.single ? threadsOf(TASK, flags, engine) : shared;
  const cluster = new Cluster({ folder: folder.path, run, leader: sweeps ? 'sweep' : 'coordinator', flags });
  return cluster.run(workers, threads, binary === undefined ? { url: nats.url } : { binary });
}

/** Whether --out names the folder of a sweep. */
function holdsSweep(out: unknown): boolean {
  return out !== undefined && new SweepFolder(String(out)).begun;
}

/** The flags, where all are those of a sweep; throws UsageError for those of a run. */
function sweepFlagsOnly(flags: Flags): Flags {
  const known = Object.keys({
    ...SWEEP_FLAGS,
    ...SWEEP_SWITCHES,
    ...CLUSTER_FLAGS,
    ...NATS_FLAGS,
    ...LIVE_FLAGS,
    workers: 0,
    threads: 0,
  });
  const other = Object.keys(flags).find((name) => flags[name] !== undefined && !known.includes(name));
  if (other === undefined) return withModulePath(TASK, flags);
  throw new UsageError(`${TASK}: "${other}" must stand in the sweep's file, among its parameters or flags`);
}

function serverBinary(): string {
  const binary = findNatsServer();
  if (binary !== undefined) return binary;
  throw new ClusterError(
    `${TASK}: nats-server must be on the PATH or in NATS_SERVER_BIN (Debian: apt install nats-server), or a running one named by --nats`,
  );
}

interface ClusterOptions {
  folder: string;
  /** The run's name on the server. */
  run: string;
  /** The command that goes on with what is in the folder. */
  leader: 'coordinator' | 'sweep';
  flags: Flags;
}

class Cluster {
  readonly #folder: string;
  readonly #run: string;
  readonly #leader: 'coordinator' | 'sweep';
  readonly #flags: Flags;
  readonly #children: Supervised[] = [];
  readonly #failures = new Map<string, number>();
  #env: NodeJS.ProcessEnv = {};
  #end: (code: number) => void = () => {};
  #working = 0;
  /** Whether it was told to end: a coordinator that is killed then is not started again. */
  #isStopping = false;

  constructor({ folder, run, leader, flags }: ClusterOptions) {
    this.#folder = folder;
    this.#run = run;
    this.#leader = leader;
    this.#flags = flags;
  }

  /** Returns the exit code of the run. */
  async run(workers: number, threads: number, server: { url: string } | { binary: string }): Promise<number> {
    makeFolder(this.#log(''));
    const ended = new Promise<number>((resolve) => {
      this.#end = resolve;
    });
    let coordinator: Supervised | undefined;
    let signals = 0;
    let patience: NodeJS.Timeout | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      signals += 1;
      this.#isStopping = true;
      patience ??= setTimeout(() => this.#end(EXIT.failed), STOP_MS);
      if (signals >= 3 || !coordinator?.signal(signal)) this.#end(EXIT.interrupted);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    try {
      const url = 'url' in server ? server.url : await Promise.race([this.#serve(server.binary), ended]);
      if (typeof url === 'number') return url;
      this.#env = { NATS_URL: url };
      this.#working = workers;
      for (let i = 1; i <= workers; i++) this.#startWorker(i, threads);
      coordinator = this.#startCoordinator();
      process.stdout.write(
        `${workers} worker${workers === 1 ? '' : 's'} of ${threads} thread${threads === 1 ? '' : 's'} on ${url}; logs in ${this.#log('')}\n`,
      );
      return await ended;
    } finally {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      clearTimeout(patience);
      // the server last: workers and coordinator take their leave over it
      const [first, ...others] = this.#children;
      await Promise.all(('binary' in server ? others : this.#children).map((child) => child.end()));
      if ('binary' in server) await first?.end();
    }
  }

  /** Starts the server's keeper; resolves to the server's address. */
  #serve(binary: string): Promise<string> {
    const store = join(this.#folder, 'nats');
    return new Promise((resolve, reject) => {
      let url: string | undefined;
      let said: string | undefined;
      const keeper = new Supervised({
        name: 'the keeper of nats-server',
        args: () => [KEEPER, binary, store, ...(url === undefined ? [] : [new URL(url).port])],
        output: this.#log('nats-server.log'),
        again: () => true,
        onEnded: (child, code, signal, seconds) => this.#sayEnded(child.name, code, signal, seconds),
        onMessage: (message) => {
          const told = message as KeeperMessage;
          if ('url' in told) {
            if (url !== undefined) this.#say(`nats-server was killed, and is started again on ${told.url}`);
            url = told.url;
            resolve(url);
          } else if (url === undefined) reject(new ClusterError(`${TASK}: ${told.failure}`));
          else if (told.failure !== said) {
            said = told.failure;
            this.#say(`${told.failure}; trying again`);
          }
        },
      });
      this.#children.push(keeper);
    });
  }

  #startCoordinator(): Supervised {
    const path = this.#folder;
    const passed = Object.keys({ ...CLUSTER_FLAGS, ...NATS_FLAGS, ...LIVE_FLAGS }).filter((name) => name !== 'run');
    const own = passed.flatMap((name) =>
      this.#flags[name] === undefined ? [] : [`--${name}`, String(this.#flags[name])],
    );
    const compare = this.#flags['compare'] === true ? ['--compare'] : [];
    const child = new Supervised({
      name: 'the coordinator',
      args: () => [
        CLI,
        this.#leader,
        '--resume',
        '--out',
        path,
        '--run',
        this.#run,
        '--name',
        'up',
        ...own,
        ...compare,
      ],
      env: { ...this.#env, [RESUME_VARIABLE]: `lopt up --resume --out ${path}` },
      output: 'inherit',
      again: (_code, signal) => signal !== null && !this.#isStopping,
      onEnded: (_child, code, signal, seconds) => {
        if (signal !== null) this.#sayEnded('the coordinator', code, signal, seconds);
        // by a signal only if it was told to end before it listened for that
        if (seconds === undefined) this.#end(code ?? EXIT.interrupted);
      },
    });
    this.#children.push(child);
    return child;
  }

  #startWorker(number: number, threads: number): void {
    const name = `worker-${number}`;
    const own = Object.keys(NATS_FLAGS).flatMap((flag) =>
      this.#flags[flag] === undefined ? [] : [`--${flag}`, String(this.#flags[flag])],
    );
    const module = this.#flags['problem-module'];
    const modules = module === undefined ? [] : ['--problem-module', String(module)];
    const args = [CLI, 'worker', '--threads', String(threads), '--name', name, '--run', this.#run, ...own, ...modules];
    this.#children.push(
      new Supervised({
        name,
        args: () => args,
        env: this.#env,
        output: this.#log(`${name}.log`),
        again: (_code, signal) => {
          const failures = signal === null ? (this.#failures.get(name) ?? 0) + 1 : 0;
          this.#failures.set(name, failures);
          return failures < MOST_FAILURES;
        },
        onEnded: (_child, code, signal, seconds) => {
          this.#sayEnded(name, code, signal, seconds);
          if (seconds !== undefined) return;
          this.#working -= 1;
          if (this.#working > 0) return;
          this.#say(`No worker is left; what they said is in ${this.#log('')}`);
          this.#end(EXIT.failed);
        },
      }),
    );
  }

  #sayEnded(name: string, code: number | null, signal: NodeJS.Signals | null, seconds: number | undefined): void {
    const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
    this.#say(`${name} ${how}${seconds === undefined ? '' : `, and is started again in ${seconds} s`}`);
  }

  #say(line: string): void {
    process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[2K' : ''}${line}\n`);
  }

  #log(name: string): string {
    return join(this.#folder, 'logs', name);
  }
}
