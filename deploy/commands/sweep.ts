/** `lopt sweep`: a population of members, on this machine's threads or led over NATS. */
import { hostname } from 'node:os';
import { serverNames } from '../../shared/nats/options.js';
import { checkToken } from '../../shared/subjects.js';
import { Pool } from '../../worker/pool.js';
import { NATS_FLAGS, natsFlags } from '../cluster/flags.js';
import { followParent } from '../cluster/follow-parent.js';
import { type CoordinatorTrust, coordinatorTrust } from '../cluster/trust-flags.js';
import { LIVE_FLAGS, liveAddress } from '../live/flags.js';
import { withSweepPage } from '../live/sweep/open-sweep-page.js';
import { trainOn } from '../run/embedded.js';
import { MODULE_FLAG, withModulePath } from '../run/problem-module.js';
import { type Flags, threadsOf } from '../run/train-flags.js';
import { sweepOverNats } from '../sweep/cluster-sweep.js';
import { type ConductSweep, conductSweep, resumeCommandOf } from '../sweep/conduct-sweep.js';
import { type PreparedSweep, prepareSweep, sweepDigest } from '../sweep/prepare-sweep.js';
import type { Command } from './command.js';
import { CLUSTER_FLAGS, limitsOf, PATIENCE, RESUME_VARIABLE, runNameOf, tokenOf } from './coordinator.js';

const TASK = 'Cannot sweep';

/** The flags of every command that sweeps. */
export const SWEEP_FLAGS = {
  out: 'folder of the sweep (default: a new one under runs/)',
  seed: "what all trials' randomness is drawn from (default: the file's)",
  parallel: "trials that run at the same time (default: the file's, or 4)",
  ...MODULE_FLAG,
} as const;

export const SWEEP_SWITCHES = { resume: 'go on with the sweep in --out' } as const;

export const sweep: Command = {
  name: 'sweep',
  usage: 'sweep [file]',
  summary: 'train a population by a W&B sweep file; here, or with --nats or --run for the workers of a server',
  flags: {
    ...SWEEP_FLAGS,
    threads: 'threads that compute, where no server does (default: all processors, or one for a GPU)',
    ...CLUSTER_FLAGS,
    ...NATS_FLAGS,
    ...LIVE_FLAGS,
    name: 'name of this coordinator (default: the host)',
  },
  switches: SWEEP_SWITCHES,
  problemOptions: false,
  run: runSweepCommand,
};

async function runSweepCommand(
  positionals: Readonly<Record<string, string | undefined>>,
  given: Flags,
): Promise<number> {
  followParent();
  const flags = withModulePath(TASK, given);
  const onCluster = flags['nats'] !== undefined || flags['run'] !== undefined;
  const cluster = onCluster ? natsFlags(TASK, flags) : undefined;
  const limits = { ...limitsOf(TASK, flags), ...coordinatorTrust(TASK, flags) };
  threadsOf(TASK, flags);
  const address = liveAddress(TASK, flags);
  const prepared = await prepareSweep(TASK, positionals['file'], flags, onCluster ? PATIENCE : {});
  const conduct = cluster ? overNats(prepared, flags, cluster, limits) : embedded(prepared, flags);
  const run = String(flags['run'] ?? runNameOf(prepared.folder.path));
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  return withSweepPage({ address, run, prepared, say }, (page) => conductSweep(prepared, { ...conduct, page }));
}

function embedded({ folder, flags: common }: PreparedSweep, flags: Flags): ConductSweep {
  const threads = threadsOf(TASK, flags, String(common['engine']));
  return {
    how: `with ${threads} thread${threads === 1 ? '' : 's'}`,
    async launch({ signal }, work) {
      // where the user says nothing, as many as the trials' engine takes
      const pool = new Pool(flags['threads'] === undefined ? undefined : threads);
      try {
        return await work((options) => trainOn(pool, options), signal);
      } finally {
        await pool.close();
      }
    },
    resumeCommand: resumeCommandOf('lopt sweep', folder.path),
  };
}

function overNats(
  { folder, stored }: PreparedSweep,
  flags: Flags,
  cluster: ReturnType<typeof natsFlags>,
  limits: ReturnType<typeof limitsOf> & CoordinatorTrust,
): ConductSweep {
  const run = checkToken(TASK, 'run', String(flags['run'] ?? runNameOf(folder.path)));
  const holder = checkToken(TASK, 'name', String(flags['name'] ?? tokenOf(hostname())));
  return {
    server: { run, url: serverNames(cluster.nats) },
    how: `as run ${run} on a cluster`,
    launch: (context, work) =>
      sweepOverNats(
        { ...cluster, run, holder, standby: false, ...limits },
        { digest: sweepDigest(stored), parallel: stored.parallel },
        context,
        work,
      ),
    resumeCommand: process.env[RESUME_VARIABLE] || resumeCommandOf('lopt sweep', folder.path, '--run', run),
  };
}
