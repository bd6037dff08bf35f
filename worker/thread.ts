/** What runs in a thread of the pool. A failure is returned, not thrown: a task that is rejected has lost its thread. */
import { constants, setPriority } from 'node:os';
import { threadId, workerData } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { hashOfNode } from '../shared/double-computation.js';
import { LoptError, messageOf, UsageError } from '../shared/errors.js';
import type { ChunkScores } from '../shared/messages.js';
import { SumTree, type TreeNode } from '../shared/sum-tree.js';
import type { ShardState } from './engines/engine.js';
import { advanceShard, type ShardJob } from './episode.js';
import { type EvaluationRequest, evaluateChunk } from './evaluate.js';
import { OPTIMIZERS, type OptimizerName } from './optimizers/registry.js';
import { fingerprintOf, keepSessions, type Session, type SessionId, sessionOf } from './session.js';

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
}

/** The hash of a shard's own sum, before it was added to others. */
export interface ShardHash {
  shard: number;
  hash: string;
}

export interface WindowsAnswer {
  /** The complete nodes over the jobs' shards, pre-added. */
  nodes: TreeNode[];
  states: { shard: number; state: ShardState }[];
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

/** A task's answer and the thread that gave it, or why there is none. */
export type Outcome<Answer> = { answer: Answer; thread: number } | { failure: string; usage: boolean };

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
  return outcomeOf(async () => {
    const { engine, config } = await openSession(task);
    const tree = new SumTree(config.shards, { finite: true });
    const states: WindowsAnswer['states'] = [];
    const hashes: ShardHash[] = [];
    let replayed = 0;
    for (const job of task.jobs) {
      const advanced = advanceShard(engine, config, task.phi, job);
      if (job.isHashed) hashes.push({ shard: job.shard, hash: hashOfNode(advanced.node) });
      tree.add(advanced.node);
      states.push({ shard: advanced.shard, state: advanced.state });
      replayed += advanced.replayed;
    }
    return { nodes: tree.nodes(), states, hashes, replayed };
  }, buffersOf);
}

export function evaluate(task: Pooled<EvaluateTask>): Promise<Outcome<ChunkScores>> {
  return outcomeOf(async () => {
    const { engine, problems, gradient } = await openSession(task);
    if ('phi' in task.optimizer) {
      engine.loadPhi(task.optimizer.phi);
      return evaluateChunk(engine.optimizer(), problems, gradient, task.request);
    }
    const { name, learningRate } = task.optimizer;
    return evaluateChunk(OPTIMIZERS[name]({ learningRate }), problems, gradient, task.request);
  });
}

export function fingerprint(task: Pooled<{ session: SessionId }>): Promise<Outcome<string>> {
  return outcomeOf(async () => fingerprintOf(await openSession(task)));
}

/** The buffers of an answer that move to the pool's thread; the states' are shared. */
function buffersOf({ nodes }: WindowsAnswer): ArrayBuffer[] {
  return nodes.map(({ gradient }) => gradient.buffer as ArrayBuffer);
}

async function outcomeOf<Answer>(
  compute: () => Promise<Answer>,
  transfers?: (answer: Answer) => ArrayBuffer[],
): Promise<Outcome<Answer>> {
  try {
    const answer = await compute();
    if (!transfers) return { answer, thread: threadId };
    const moved = { [transferableSymbol]: transfers(answer), [valueSymbol]: { answer, thread: threadId } };
    return move(moved as unknown as ArrayBuffer) as unknown as Outcome<Answer>;
  } catch (error) {
    if (error instanceof LoptError) return { failure: error.message, usage: error instanceof UsageError };
    return { failure: error instanceof Error ? (error.stack ?? error.message) : messageOf(error), usage: false };
  }
}
