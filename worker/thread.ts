/** What runs in a thread of the pool. A failure is returned, not thrown: a task that is rejected has lost its thread. */
import { constants, setPriority } from 'node:os';
import { threadId, workerData } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { hashOfNode } from '../shared/double-computation.js';
import { LoptError, messageOf, UsageError } from '../shared/errors.js';
import type { ChunkScores } from '../shared/messages.js';
import { SumTree, type TreeNode } from '../shared/sum-tree.js';
import { OPTIMIZERS, type OptimizerName } from './baselines/registry.js';
import { DeviceLostError } from './devices/device-watch.js';
import { rollout } from './engines/rollout.js';
import { advanceShard, type ShardJob } from './episode.js';
import { type EvaluationRequest, evaluateChunk } from './evaluate.js';
import { type KeptShard, ShardLostError } from './resident-shards.js';
import { dropSession, fingerprintOf, keepSessions, type Session, type SessionId, sessionOf } from './session.js';

/** What a thread is started with. */
export interface ThreadData {
  /** Absolute paths; where a module lies is this machine's own matter, and never in a message. */
  problemModules: readonly string[];
  /** Whether the thread gives way to all others of this machine. @default false */
  background?: boolean;
}

/** A task as the pool hands it out. */
type Pooled<Task> = Task & {
  /** Digests of the configurations that are worked on. */
  live: readonly string[];
};

/** Compute one window of each of these shards. */
export interface WindowsTask {
  session: SessionId;
  phi: Float32Array;
  /** Contiguous shards, in order. */
  jobs: readonly ShardJob[];
  /**
   * Where this thread computes all of the worker's shards: those that it may keep on a device, between windows. Others
   * hand their states over.
   */
  residents?: ReadonlySet<number>;
}

/** The hash of a shard's own sum, before it was added to others. */
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

/** Measure an optimizer: φ where it is the learned one, a learning rate where it is not. */
export interface EvaluateTask {
  session: SessionId;
  optimizer: { phi: Float32Array } | { name: OptimizerName; learningRate: number };
  request: EvaluationRequest;
}

/** A task's answer and the thread that gave it, or why there is none: `lost` where another try may succeed. */
export type Outcome<Answer> =
  | { answer: Answer; thread: number }
  | { failure: string; kind: 'usage' | 'lost' | 'failed' };

const { background } = workerData as ThreadData;
// on Linux a priority belongs to the thread; elsewhere it is the whole process's, and stays
if (background && process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW);

let modules: Promise<void> | undefined;

/** The session of a task, where the users' modules are loaded. */
async function openSession({ session, live }: Pooled<{ session: SessionId }>): Promise<Session> {
  modules ??= loadModules(workerData as ThreadData);
  await modules;
  await keepSessions(live);
  return sessionOf(session);
}

async function loadModules({ problemModules }: ThreadData): Promise<void> {
  if (problemModules.length === 0) return;
  // only where it is needed: a thread without modules starts sooner
  const { loadProblemModule } = await import('./problems/modules.js');
  for (const path of problemModules) await loadProblemModule(path, { trial: false });
}

export function computeWindows(task: Pooled<WindowsTask>): Promise<Outcome<WindowsAnswer>> {
  return outcomeOf(
    task.session,
    async () => {
      const session = await openSession(task);
      const { config, residents, estimator } = session;
      const engine = await session.engine();
      if (task.residents) residents.keep(task.residents);
      const tree = new SumTree(config.shards, { finite: true });
      const kept: WindowsAnswer['kept'] = [];
      const advancing = { engine, estimator, config, residents: task.residents && residents };
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
    },
    buffersOf,
  );
}

export function evaluate(task: Pooled<EvaluateTask>): Promise<Outcome<ChunkScores>> {
  return outcomeOf(task.session, async () => {
    const session = await openSession(task);
    if ('phi' in task.optimizer) {
      const engine = await session.engine();
      const { phi } = task.optimizer;
      return evaluateChunk((request) => engine.rollout(phi, request), task.request);
    }
    const { name, learningRate } = task.optimizer;
    const optimizer = OPTIMIZERS[name]({ learningRate });
    const gradient = await session.gradient();
    return evaluateChunk((request) => rollout<unknown>(optimizer, session.problems, gradient, request), task.request);
  });
}

export function fingerprint(task: Pooled<{ session: SessionId }>): Promise<Outcome<string>> {
  return outcomeOf(task.session, async () => fingerprintOf(await openSession(task)));
}

/** The buffers of an answer that move to the pool's thread; the states' are shared. */
function buffersOf({ nodes }: WindowsAnswer): ArrayBuffer[] {
  return nodes.map(({ metaGradient }) => metaGradient.buffer as ArrayBuffer);
}

async function outcomeOf<Answer>(
  session: SessionId,
  compute: () => Promise<Answer>,
  transfers?: (answer: Answer) => ArrayBuffer[],
): Promise<Outcome<Answer>> {
  try {
    const answer = await compute();
    if (!transfers) return { answer, thread: threadId };
    const moved = { [transferableSymbol]: transfers(answer), [valueSymbol]: { answer, thread: threadId } };
    return move(moved as unknown as ArrayBuffer) as unknown as Outcome<Answer>;
  } catch (error) {
    if (error instanceof DeviceLostError) await dropSession(session.digest);
    if (error instanceof DeviceLostError || error instanceof ShardLostError) {
      return { failure: error.message, kind: 'lost' };
    }
    if (error instanceof LoptError) {
      return { failure: error.message, kind: error instanceof UsageError ? 'usage' : 'failed' };
    }
    const failure = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    return { failure, kind: 'failed' };
  }
}
