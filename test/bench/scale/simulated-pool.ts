/** A pool that computes nothing: a pseudo-gradient for every window, after the time that a window is to take. */
import { setTimeout as pause } from 'node:timers/promises';
import { hashOfNode } from '../../../shared/double-computation.js';
import { windowsPerEpisode } from '../../../shared/episodes.js';
import type { ChunkScores } from '../../../shared/messages.js';
import { phiLength } from '../../../shared/phi.js';
import { SumTree } from '../../../shared/sum-tree.js';
import type { ShardJob } from '../../../worker/episode.js';
import type { WindowPool } from '../../../worker/pool.js';
import type { KeptShard } from '../../../worker/resident-shards.js';
import type { EvaluateTask, ShardHash, WindowsAnswer, WindowsTask } from '../../../worker/tasks.js';
import { pseudoLeaf, pseudoShare } from './pseudo-gradient.js';

/** How long windows take. */
export interface WindowTimes {
  /** Milliseconds of a window at most. */
  windowMs: number;
  /** Each window takes up to this share less: a draw of its own. */
  spread: number;
}

export class SimulatedPool implements WindowPool {
  readonly threads = 1;
  readonly #times: WindowTimes;
  readonly #onComputed: (round: number, ms: number) => void;

  /** @param onComputed told how long this worker's windows of a round took, as it happened */
  constructor(times: WindowTimes, onComputed: (round: number, ms: number) => void) {
    this.#times = times;
    this.#onComputed = onComputed;
  }

  async computeWindows({ session: { config }, jobs }: WindowsTask): Promise<WindowsAnswer> {
    const startedAt = performance.now();
    const tree = new SumTree(config.shards, { finite: true });
    const length = phiLength(config.architecture);
    const roundOf = ({ place }: ShardJob) => place.episode * windowsPerEpisode(config) + place.window + 1;
    const hashes: ShardHash[] = [];
    let ms = 0;
    let replayed = 0;
    for (const job of jobs) {
      const leaf = pseudoLeaf(job.shard, roundOf(job), length, config.problems);
      if (job.isHashed) hashes.push({ shard: job.shard, hash: hashOfNode(leaf) });
      tree.add(leaf);
      ms += this.#times.windowMs * (1 - this.#times.spread * pseudoShare(job.shard, roundOf(job)));
      replayed += job.missed.length;
    }
    const left = ms - (performance.now() - startedAt);
    if (left > 0) await pause(left);
    if (jobs[0]) this.#onComputed(roundOf(jobs[0]), performance.now() - startedAt);
    return { nodes: tree.nodes(), kept: jobs.map(({ shard }) => ({ shard, kept: NOTHING })), hashes, replayed };
  }

  async evaluate({ request: { chunk, count } }: EvaluateTask): Promise<ChunkScores> {
    const values = new Float64Array(count).fill(1);
    return { chunk, initial: values, sum: values, final: values };
  }

  async fingerprint(): Promise<string> {
    return 'simulated';
  }
}

/** The next window needs nothing of the one before. */
const NOTHING: KeptShard = { state: null };
