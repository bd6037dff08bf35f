/** The computations of the pool's threads, as functions of a session and a task. */
import { hashOfNode } from '../shared/double-computation.js';
import type { ChunkScores } from '../shared/messages.js';
import { SumTree, type TreeNode } from '../shared/sum-tree.js';
import type { Walk } from '../shared/walk.js';
import { walksOf } from './baselines/optimizer.js';
import { BASELINES, type BaselineName } from './baselines/registry.js';
import { rollout } from './engines/rollout.js';
import { advanceShard, type ShardJob } from './episode.js';
import { type EvaluationRequest, evaluateChunk } from './evaluate.js';
import { closedFormsOf } from './problems/derivatives/derivatives.js';
import type { KeptShard } from './resident-shards.js';
import type { Session, SessionId } from './session.js';

/** Compute one window of each of these shards. */
export interface WindowsTask {
  session: SessionId;
  phi: Float32Array;
  /** Contiguous shards, in order. */
  jobs: readonly ShardJob[];
  /**
   * If this thread computes all of the worker's shards: those that it may keep on a device between windows. Otherwise
   * states are handed over.
   */
  residents?: ReadonlySet<number>;
}

/** The hash of a shard's own sum, before it is added to others. */
export interface ShardHash {
  shard: number;
  hash: string;
}

export interface WindowsAnswer {
  /** The complete nodes over the jobs' shards, pre-added. */
  nodes: TreeNode[];
  kept: { shard: number; kept: KeptShard }[];
  hashes: ShardHash[];
  /** Windows that were computed again. */
  replayed: number;
}

/** Score an optimizer: the learned one under φ, or a baseline with a learning rate. */
export interface EvaluateTask {
  session: SessionId;
  optimizer: { phi: Float32Array } | { name: BaselineName; learningRate: number };
  request: EvaluationRequest;
}

/** Computes the windows of a task, in place on the jobs' states. */
export async function computeWindows(session: Session, task: WindowsTask): Promise<WindowsAnswer> {
  const { config, estimator, residents } = session;
  const engine = await session.engine();
  if (task.residents) residents.keep(task.residents);
  const advancing = { engine, estimator, config, residents: task.residents && residents };
  const tree = new SumTree(config.shards, { finite: true });
  const kept: WindowsAnswer['kept'] = [];
  const hashes: ShardHash[] = [];
  let replayed = 0;
  for (const job of task.jobs) {
    const advanced = await advanceShard(advancing, task.phi, job);
    if (job.isHashed) hashes.push({ shard: job.shard, hash: hashOfNode(advanced.node) });
    tree.add(advanced.node);
    kept.push({ shard: advanced.shard, kept: advanced.kept });
    replayed += advanced.replayed;
  }
  return { nodes: tree.nodes(), kept, hashes, replayed };
}

/** Scores an optimizer on a chunk of problems. */
export async function evaluate(session: Session, { optimizer, request }: EvaluateTask): Promise<ChunkScores> {
  if ('phi' in optimizer) {
    const engine = await session.engine();
    return evaluateChunk((problems) => engine.rollout(optimizer.phi, problems), request);
  }
  const walks = await walksOfBaseline(session, optimizer);
  const gradient = await session.gradient();
  return evaluateChunk((problems) => rollout(walks, session.problems, gradient, problems), request);
}

/** A baseline's walks: in C if the closed forms are. */
async function walksOfBaseline(
  { config }: Session,
  { name, learningRate }: { name: BaselineName; learningRate: number },
): Promise<(coordinates: number) => Walk> {
  if (closedFormsOf(config) === 'wasm') return walksOf(BASELINES[name]({ learningRate }));
  const { nativeWalk } = await import('./baselines/native/native-walk.js');
  return nativeWalk(name, learningRate);
}
