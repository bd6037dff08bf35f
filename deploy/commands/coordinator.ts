/** `lopt coordinator`: leads a run over NATS, or stands by to. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { checkNumber } from '../../shared/check.js';
import { createLogger } from '../../shared/logger.js';
import { serverNames } from '../../shared/nats/options.js';
import { checkToken } from '../../shared/subjects.js';
import { NATS_FLAGS, natsFlags } from '../cluster/flags.js';
import { followParent } from '../cluster/follow-parent.js';
import { type LeadOptions, leadRun } from '../cluster/lead.js';
import { COORDINATOR_TRUST_FLAGS, coordinatorTrust } from '../cluster/trust-flags.js';
import { LIVE_FLAGS, liveAddress } from '../live/flags.js';
import { withLivePage } from '../live/open-page.js';
import { CoordinatorMetrics } from '../operations/coordinator-metrics.js';
import { logFormat, metricsAddress, OPERATIONS_FLAGS } from '../operations/flags.js';
import { watchBus } from '../operations/registry.js';
import { OperationsServer } from '../operations/server.js';
import { compareRun } from '../run/compare-run.js';
import { conductRun } from '../run/conduct.js';
import { mergeFlags, prepareRun, TRAINING_FLAGS, TRAINING_SWITCHES } from '../run/prepare-run.js';
import type { RunFolder } from '../run/run-folder.js';
import { type Flags, threadsOf } from '../run/train-flags.js';
import type { Command } from './command.js';
import { everyOption, flagNames } from './flags.js';

const TASK = 'Cannot coordinate';

/** Flags of a run on a cluster, beside those of every run. */
export const CLUSTER_FLAGS = {
  run: 'name of the run on the server (default: the name of the folder)',
  'worker-timeout': 'seconds without any worker after which the run fails (default: never)',
  'checkpoint-seconds': 'seconds between two checkpoints (default 5)',
  'journal-bytes': 'bytes that the journal may take on the server (default 1 GiB)',
  replicas: 'servers of a NATS cluster that hold a copy (default 1)',
  'wait-seconds': 'seconds for which the first connection is tried again (default 30)',
  ...COORDINATOR_TRUST_FLAGS,
} as const;

export const COMPARE_SWITCH = { compare: 'afterwards, hold φ against tuned hand-designed optimizers' } as const;

export const coordinator: Command = {
  name: 'coordinator',
  usage: 'coordinator [problem]',
  summary: 'lead a run over NATS: own φ, give out shards, add up what workers send',
  flags: {
    ...TRAINING_FLAGS,
    ...CLUSTER_FLAGS,
    ...NATS_FLAGS,
    ...OPERATIONS_FLAGS,
    ...LIVE_FLAGS,
    name: 'name of this coordinator (default: the host)',
    threads: 'threads of --compare (default: all processors)',
    fingerprint: "the engine that computes the run, as a worker's log names it (default: that of the first result)",
  },
  options: everyOption,
  switches: {
    ...TRAINING_SWITCHES,
    ...COMPARE_SWITCH,
    standby: 'take over when the coordinator that leads the run is gone',
  },
  problemOptions: true,
  run: runCoordinator,
};

/** Holds what goes on with the run where that is not this command: `lopt up` sets it. */
export const RESUME_VARIABLE = 'LOPT_RESUME_COMMAND';

/** One whose `lopt up` was killed still saves its work for some seconds. */
export const PATIENCE = {
  patienceSeconds: 15,
  onWaiting: (sentence: string) => void process.stdout.write(`${sentence}\n`),
} as const;

async function runCoordinator(
  positionals: Readonly<Record<string, string | undefined>>,
  given: Flags,
): Promise<number> {
  followParent();
  const known = { names: flagNames(coordinator), switches: coordinator.switches };
  const { flags, problem } = mergeFlags({ task: TASK, problem: positionals['problem'], given, known });
  const { nats, prefix } = natsFlags(TASK, flags);
  const address = metricsAddress(TASK, flags);
  const live = liveAddress(TASK, flags);
  threadsOf(TASK, flags);
  const limits = limitsOf(TASK, flags);
  const trust = coordinatorTrust(TASK, flags);
  const fingerprint = flags['fingerprint'];
  const format = logFormat(TASK, flags);
  const prepared = await prepareRun(TASK, problem, flags, PATIENCE);
  const { folder, stored, configured } = prepared;
  const threads = threadsOf(TASK, flags, configured.config.engine);
  const run = checkToken(TASK, 'run', runNameIn(folder, flags));
  const metrics = new CoordinatorMetrics({ run, config: stored.config });
  const server = address
    ? await OperationsServer.start({ registry: metrics.registry, checks: { run: metrics.inCharge }, ...address })
    : undefined;
  const logger =
    format === 'json'
      ? createLogger({ format, write: (text) => process.stdout.write(text), context: () => ({ run }) })
      : undefined;
  const say = (line: string) => (logger ? logger.info(line) : void process.stdout.write(`${line}\n`));
  try {
    return await withLivePage({ address: live, run, prepared, say }, (page) =>
      conductRun(prepared, {
        how: `as run ${run} on a cluster`,
        launch: (options) =>
          leadRun(
            {
              nats,
              prefix,
              run,
              holder: checkToken(TASK, 'name', String(flags['name'] ?? tokenOf(hostname()))),
              standby: flags['standby'] === true,
              ...limits,
              ...trust,
              ...(fingerprint === undefined ? {} : { fingerprint: String(fingerprint) }),
              onStandby() {
                metrics.standBy();
                page?.standBy();
              },
              onLeading(leader, traffic) {
                metrics.watch(leader);
                page?.watch(leader);
                watchBus(metrics.registry, traffic);
              },
            },
            options,
          ),
        resumeCommand: process.env[RESUME_VARIABLE] || `lopt coordinator --resume --out ${folder.path} --run ${run}`,
        server: { run, url: serverNames(nats) },
        observers: [metrics, ...(page ? [page] : [])],
        ...(logger ? { logger } : {}),
        ...(flags['compare'] === true ? { afterwards: () => compareRun(folder, configured, threads) } : {}),
      }),
    );
  } finally {
    metrics.ended();
    await server?.close();
  }
}

/** The numbers among the cluster's flags. */
export function limitsOf(
  task: string,
  flags: Flags,
): Pick<LeadOptions, 'waitSeconds' | 'workerTimeout' | 'checkpointSeconds' | 'maxBytes' | 'replicas'> {
  const number = (name: string, rule: { minimum: number; integer?: boolean; maximum?: number }) =>
    flags[name] === undefined ? undefined : checkNumber(task, name, flags[name], rule);
  const workerTimeout = number('worker-timeout', { minimum: 1 });
  const checkpointSeconds = number('checkpoint-seconds', { minimum: 0 });
  const maxBytes = number('journal-bytes', { integer: true, minimum: 2 ** 20 });
  const replicas = number('replicas', { integer: true, minimum: 1, maximum: 5 });
  return {
    waitSeconds: number('wait-seconds', { minimum: 0 }) ?? 30,
    ...(workerTimeout === undefined ? {} : { workerTimeout }),
    ...(checkpointSeconds === undefined ? {} : { checkpointSeconds }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(replicas === undefined ? {} : { replicas }),
  };
}

/** The name of a folder's run on the server: the one given, the one that it was led under before, or the folder's. */
export function runNameIn(folder: RunFolder, flags: Flags): string {
  return String(flags['run'] ?? folder.record?.server?.run ?? runNameOf(folder.path));
}

/** The name of a run from its folder's. */
export function runNameOf(path: string): string {
  return tokenOf(join(process.cwd(), path).split(/[\\/]/).filter(Boolean).at(-1) ?? 'run');
}

/** A text with what a name on the server may not hold replaced. */
export function tokenOf(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 64) || 'lopt';
}
