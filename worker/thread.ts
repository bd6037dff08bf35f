/** The shell of a pool's thread. Failures are returned, not thrown: a rejected task means that its thread died. */
import { constants, setPriority } from 'node:os';
import { threadId, workerData } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { Deferred } from '../shared/deferred.js';
import { LoptError, messageOf, UsageError } from '../shared/errors.js';
import type { ChunkScores } from '../shared/messages.js';
import { DeviceLostError } from './devices/device-watch.js';
import { ShardLostError } from './resident-shards.js';
import { dropSession, fingerprintOf, keepSessions, type Session, type SessionId, sessionOf } from './session.js';
import type { EvaluateTask, WindowsAnswer, WindowsTask } from './tasks.js';
import * as tasks from './tasks.js';

/** The data that a thread is started with. */
export interface ThreadData {
  /** Absolute paths on this machine, which are never sent in a message. */
  problemModules: readonly string[];
  /** Whether the thread runs at the lowest priority. @default false */
  background?: boolean;
}

/** A task as the pool hands it out. */
type Pooled<Task> = Task & {
  /** Digests of the configurations in use. */
  live: readonly string[];
};

/** A task's answer and the thread that gave it, or why there is none: `lost` if a retry may succeed. */
export type TaskReply<Answer> =
  | { answer: Answer; thread: number }
  | { failure: string; kind: 'usage' | 'lost' | 'failed' };

const { background } = workerData as ThreadData;
// on Linux a priority belongs to a thread; elsewhere it would change the whole process
if (background && process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW);

let modules: Promise<void> | undefined;
/** Rejected when a module has thrown to nobody: what it computes can be relied on no more. */
const stray = new Deferred<never>();
stray.promise.catch(() => {}); // told to the tasks of this thread

/** The session of a task, after loading the users' modules. */
async function openSession({ session, live }: Pooled<{ session: SessionId }>): Promise<Session> {
  modules ??= loadModules(workerData as ThreadData);
  await modules;
  await keepSessions(live);
  return sessionOf(session);
}

async function loadModules({ problemModules }: ThreadData): Promise<void> {
  if (problemModules.length === 0) return;
  // loaded only if needed: a thread without modules starts sooner
  const { loadProblemModule } = await import('./problems/modules.js');
  const { strayFault } = await import('./problems/module/stray.js');
  const onStray = (error: unknown) => {
    const fault = strayFault(error);
    // ends this thread, which is replaced
    if (!fault) throw error;
    stray.reject(fault);
  };
  process.on('uncaughtException', onStray);
  process.on('unhandledRejection', onStray);
  for (const path of problemModules) await loadProblemModule(path, { trial: false });
}

export function computeWindows(task: Pooled<WindowsTask>): Promise<TaskReply<WindowsAnswer>> {
  return replyTo(task.session, async () => tasks.computeWindows(await openSession(task), task), buffersOf);
}

export function evaluate(task: Pooled<EvaluateTask>): Promise<TaskReply<ChunkScores>> {
  return replyTo(task.session, async () => tasks.evaluate(await openSession(task), task));
}

export function fingerprint(task: Pooled<{ session: SessionId }>): Promise<TaskReply<string>> {
  return replyTo(task.session, async () => fingerprintOf(await openSession(task)));
}

/** The buffers of an answer, to be transferred to the pool's owner; those of states are shared. */
function buffersOf({ nodes }: WindowsAnswer): ArrayBuffer[] {
  return nodes.map(({ metaGradient }) => metaGradient.buffer as ArrayBuffer);
}

async function replyTo<Answer>(
  session: SessionId,
  compute: () => Promise<Answer>,
  transfers?: (answer: Answer) => ArrayBuffer[],
): Promise<TaskReply<Answer>> {
  try {
    const answer = await Promise.race([stray.promise, compute()]);
    if (!transfers) return { answer, thread: threadId };
    const moved = { [transferableSymbol]: transfers(answer), [valueSymbol]: { answer, thread: threadId } };
    return move(moved as unknown as ArrayBuffer) as unknown as TaskReply<Answer>;
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
