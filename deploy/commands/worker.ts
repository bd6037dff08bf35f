/** `lopt worker`: computes for runs that are announced on a NATS server. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { checkNumber, checkPath } from '../../shared/check.js';
import { createLogger } from '../../shared/logger.js';
import { checkToken } from '../../shared/subjects.js';
import type { WorkerObserver } from '../../worker/observer.js';
import { Pool } from '../../worker/pool.js';
import { NATS_FLAGS, natsFlags } from '../cluster/flags.js';
import { followParent } from '../cluster/follow-parent.js';
import { serveRuns } from '../cluster/serve.js';
import { WORKER_TRUST_FLAGS, workerTrust } from '../cluster/trust-flags.js';
import { logFormat, metricsAddress, OPERATIONS_FLAGS } from '../operations/flags.js';
import { watchBus } from '../operations/registry.js';
import { OperationsServer } from '../operations/server.js';
import { WorkerMetrics } from '../operations/worker-metrics.js';
import { EXIT, endNow } from '../run/exit.js';
import { MODULE_FLAG, problemOf, withModulePath } from '../run/problem-module.js';
import { type Flags, threadsOf } from '../run/train-flags.js';
import type { Command } from './command.js';
import { tokenOf } from './coordinator.js';

const TASK = 'Cannot work';

export const worker: Command = {
  name: 'worker',
  usage: 'worker',
  summary: 'compute for the runs that are announced on a NATS server',
  flags: {
    ...NATS_FLAGS,
    run: 'serve this run alone (default: whichever is announced)',
    name: 'name of this worker (default: host and process)',
    threads: 'threads that compute (default: all processors, or one for a GPU)',
    'wait-seconds': 'seconds for which the first connection is tried again (default 30)',
    folder: "where the run's data lie here (default: where they do for its coordinator)",
    ...WORKER_TRUST_FLAGS,
    ...MODULE_FLAG,
    ...OPERATIONS_FLAGS,
  },
  switches: {},
  problemOptions: false,
  run: runWorker,
};

async function runWorker(_positionals: Readonly<Record<string, string | undefined>>, given: Flags): Promise<number> {
  followParent();
  const flags = withModulePath(TASK, given);
  const { nats, prefix } = natsFlags(TASK, flags);
  const threads = flags['threads'] === undefined ? undefined : threadsOf(TASK, flags);
  const address = metricsAddress(TASK, flags);
  const id = checkToken(TASK, 'name', String(flags['name'] ?? tokenOf(`${hostname()}-${process.pid}`)));
  const run = flags['run'] === undefined ? undefined : checkToken(TASK, 'run', String(flags['run']));
  const folder = flags['folder'] === undefined ? undefined : checkPath(TASK, 'folder', flags['folder']);
  const waitSeconds = checkNumber(TASK, 'wait-seconds', flags['wait-seconds'] ?? 30, { minimum: 0 });
  const trust = workerTrust(TASK, flags);
  const logger = createLogger({
    format: logFormat(TASK, flags),
    write: (text) => process.stderr.write(text),
    context: () => ({ worker: id }),
  });
  await problemOf(TASK, flags, undefined);
  const pool = new Pool(threads);
  const metrics = new WorkerMetrics(pool);
  const observer: WorkerObserver = {
    joining: ({ run: name }, fingerprint) =>
      logger.info(`Joining run ${name} with the key ${trust.key.publicKey} and the engine "${fingerprint}"`),
    ordered: (announced, shards) => metrics.ordered(announced, shards),
    computed: (round, measures) => metrics.computed(round, measures),
    released: () => metrics.released(),
  };
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) endNow(EXIT.interrupted);
    logger.info('Finishing what is being computed; once more ends it at once.');
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const server = address
    ? await OperationsServer.start({ registry: metrics.registry, checks: { run: metrics.joined }, ...address })
    : undefined;
  try {
    await serveRuns({
      nats,
      prefix,
      id,
      ...trust,
      pool,
      logger,
      waitSeconds,
      signal: stop.signal,
      observer,
      onConnected: (traffic) => watchBus(metrics.registry, traffic),
      ...(run === undefined ? {} : { run }),
      ...(folder === undefined ? {} : { folders: { folder: resolve(folder) } }),
    });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await server?.close();
    await pool.close();
  }
  return EXIT.done;
}
