/** One process at a time works on a run's folder: two would write each other's journal. */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FileError, messageOf } from '../../shared/errors.js';

/** What the lock file holds, as JSON. */
interface Holder {
  pid: number;
  /** When the process began, as /proc tells it, so that a number that is used again is not taken for it; '' where it does not. */
  started: string;
  host: string;
}

/** How the lock is taken. */
export interface LockOptions {
  /** Begins the error. */
  task: string;
  /** Seconds for which a living holder is waited for. @default 0 */
  patienceSeconds?: number;
  /** Told that the waiting begins. */
  onWaiting?: (sentence: string) => void;
}

const LOOK_MS = 200;
/** Between its making and its writing a lock file is empty; one that stays so is of a process that was killed then. */
const WRITING_MS = 1000;

/**
 * Takes the lock of a folder, until the process ends or what is returned is called. A lock whose process is gone is taken
 * over; so is that of another host, whose processes cannot be seen from here: a folder may be moved between containers.
 * Throws FileError where a living process holds it.
 */
export async function lockFolder(folder: string, options: LockOptions): Promise<() => void> {
  const { task, patienceSeconds = 0, onWaiting } = options;
  const path = join(folder, 'lock');
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid), host: hostname() } satisfies Holder);
  const until = performance.now() + 1000 * patienceSeconds;
  for (let told = false; ; ) {
    const holder = tryLock(path, mine);
    if (!holder) break;
    const sentence = `process ${holder.pid} works on it; wait for its end, or end it`;
    if (performance.now() >= until) throw new FileError(path, `${task} ${folder}: ${sentence}`);
    if (!told) onWaiting?.(`Waiting for process ${holder.pid}, which still works on ${folder}`);
    told = true;
    await pause(LOOK_MS);
  }
  const release = () => {
    process.off('exit', release);
    if (contentOf(path) === mine) rmSync(path, { force: true });
  };
  process.on('exit', release);
  return release;
}

/** Takes the lock; returns the living process that holds it where there is one. */
function tryLock(path: string, mine: string): Holder | undefined {
  for (;;) {
    try {
      writeFileSync(path, mine, { flag: 'wx' });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new FileError(path, `Cannot write ${path}: ${messageOf(cause)}`, { cause });
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

/** Removes a lock whose process is gone, and no other: one may have been faster, and has a lock of its own there. */
function clearAway(path: string, stale: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // it is not there any more
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
    return undefined; // it is not there any more
  }
}

/** Undefined where the file holds no lock: its process was killed while it wrote it. */
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
    // a process of another user's is there, too
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(pid) === started;
}

/** Clock ticks from the machine's start to a process's; '' where there is no /proc, or the process has ended. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the second field is the program's name in brackets, and may hold anything
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // one whose end nobody has taken note of is still listed
    return state === 'Z' ? '' : (fields[18] ?? '');
  } catch {
    return '';
  }
}
