/** Computes a sweep over NATS: one run on the server, whose members are the trials. */
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { Beats } from '../cluster/beats.js';
import { Seat, type SeatOptions } from '../cluster/seat.js';
import type { SweepContext, SweepEnd, SweepWork } from './conduct-sweep.js';

/** Memory for journal records, shared by all members. */
const KEPT_BYTES = 256 * 2 ** 20;

/** Leads the sweep's run on the server and does the work. @param digest of the sweep */
export async function sweepOverNats(
  lead: SeatOptions,
  { digest, parallel }: { digest: string; parallel: number },
  { board, config, logger, signal }: SweepContext,
  work: SweepWork,
): Promise<SweepEnd> {
  const options = { ...lead, keptBytes: Math.floor(KEPT_BYTES / parallel) };
  const seat = await Seat.take(options, { digest, config, logger, signal });
  try {
    const stop = new AbortController();
    /** By member, since a trial may choose the architecture. */
    const architectures = new Map<number, ArchitectureConfig>();
    const bestOf = (trial: number, member: number, value: number) => {
      const architecture = architectures.get(member);
      return { trial, member, value, ...(architecture && { architecture }) };
    };
    const figures = () => {
      const { best, places, trials } = board;
      const done = places.filter(({ state }) => state === 'complete' || state === 'pruned').length;
      const running = places.filter(({ state }) => state === 'running').length;
      const found = best && bestOf(best.trial, board.memberOf(best), best.best!);
      const sweep = { trials, running, done, ...(found ? { best: found } : {}) };
      return { term: 1, round: board.rounds, plannedRounds: 0, workers: board.workers, sweep };
    };
    const { registry } = seat;
    const beats = new Beats({ registry, run: lead.run, figures, onStop: () => stop.abort() });
    const own = lead.checkpointSeconds === undefined ? {} : { checkpointSeconds: lead.checkpointSeconds };
    const train: Parameters<SweepWork>[0] = (run) => {
      architectures.set(run.config.member, run.config.architecture);
      return seat.lead({ ...run, ...own, lean: true });
    };
    return await beats.during(work(train, AbortSignal.any([signal, stop.signal])));
  } finally {
    await seat.leave();
  }
}
