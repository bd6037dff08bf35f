/** Locks a run's folder for one process: two would write into each other's journal. */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FileError } from '../../shared/errors.js';
import { codeOf, troubleWith } from '../../shared/file-trouble.js';

/** The content of the lock file, as JSON. */
interface Holder {
  pid: number;
  /** The process's start time from /proc, to recognize a reused pid; '' if unknown. */
  started: string;
  host: string;
}

/** Options of the lock. */
export interface LockOptions {
  /** How the error begins. */
  task: string;
  /** Seconds to wait for a living holder. @default 0 */
  patienceSeconds?: number;
  /** Called when the waiting begins. */
  onWaiting?: (sentence: string) => void;
}

const LOOK_MS = 200;
/** A lock file is empty until it is written; if it stays empty, its process was killed in between. */
const WRITING_MS = 1000;

/**
 * Locks a folder until the process ends or the returned function is called. Takes over the lock of a dead process, and
 * also that of another host, whose processes cannot be seen from here: a folder may move between containers. Throws
 * FileError if a living process holds the lock.
 */
export async function lockFolder(folder: string, options: LockOptions): Promise<() => void> {
  const { task, patienceSeconds = 0, onWaiting } = options;
  const path = join(folder, 'lock');
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid), host: hostname() } satisfies Holder);
  const until = performance.now() + 1000 * patienceSeconds;
  for (let announced = false; ; ) {
    const holder = tryLock(path, mine);
    if (!holder) break;
    const sentence = `process ${holder.pid} is using it; wait for it to end, or stop it`;
    if (performance.now() >= until) throw new FileError(path, `${task} ${folder}: ${sentence}`);
    if (!announced) onWaiting?.(`Waiting for process ${holder.pid}, which is still using ${folder}`);
    announced = true;
    await pause(LOOK_MS);
  }
  const release = () => {
    process.off('exit', release);
    if (contentOf(path) === mine) rmSync(path, { force: true });
  };
  process.on('exit', release);
  return release;
}

/** Takes the lock, or returns the living process that holds it. */
function tryLock(path: string, mine: string): Holder | undefined {
  for (;;) {
    try {
      writeFileSync(path, mine, { flag: 'wx' });
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') {
        throw new FileError(path, `Cannot write ${path}: ${troubleWith(path, cause)}`, { cause });
      }
    }
    const content = contentOf(path);
    if (content === mine) return undefined;
    if (content === undefined || (content === '' && isBeingWritten(path))) continue;
    const holder = holderIn(content);
    if (holder && lives(holder)) return holder;
    clearAway(path, content);
  }
}

/** Removes a stale lock, but not one that a faster process has put in its place. */
function clearAway(path: string, stale: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // it is gone
  }
  if (contentOf(aside) === stale) rmSync(aside);
  else renameSync(aside, path);
}

function isBeingWritten(path: string): boolean {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < WRITING_MS;
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // it is gone
  }
}

/** Undefined if the file is no lock: its process was killed while writing it. */
function holderIn(content: string): Holder | undefined {
  try {
    const holder = JSON.parse(content) as Partial<Holder> | null;
    return Number.isSafeInteger(holder?.pid) && holder!.pid! > 0 ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function lives({ pid, started, host }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process exists, but belongs to another user
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(pid) === started;
}

/** Start time of a process in clock ticks since boot; '' without /proc, or if the process has ended. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the second field is the program's name in parentheses, and may contain anything
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // a zombie is still listed
    return state === 'Z' ? '' : (fields[18] ?? '');
  } catch {
    return '';
  }
}
