/** Starts and ends the thread of a live page. */
import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { LoptError } from '../../shared/errors.js';
import { isLoopback } from './access.js';
import type { FromPage } from './live-data.js';

/** The address of a page. */
export interface LiveAddress {
  port: number;
  host: string;
  /** The token that browsers need unless the address is local. @default a random one */
  token?: string | undefined;
}

/** The token that browsers need; null if only this machine may see the page. */
export function tokenOf({ host, token }: LiveAddress): string | null {
  return isLoopback(host) ? null : (token ?? randomBytes(24).toString('base64url'));
}

/** Drawing takes a fraction of a second. */
const END_MS = 5000;

/** Starts the thread; resolves to its URL, with the token, once it listens. Throws LoptError if it cannot listen. */
export async function startPageThread(
  script: URL,
  data: { host: string; port: number; token: string | null },
): Promise<{ thread: Worker; url: string }> {
  const { host, port, token } = data;
  const thread = new Worker(script, { workerData: data });
  const url = await new Promise<string>((resolve, reject) => {
    thread.once('message', (message: FromPage) => {
      if (message.type === 'listening') resolve(message.url);
      else if (message.type === 'failed') reject(listenError(host, port, message.reason));
    });
    thread.once('error', reject);
  });
  thread.unref();
  return { thread, url: token === null ? url : `${url}?token=${token}` };
}

/** Lets the thread draw a last time, and waits for its exit; ends it if that takes long. */
export async function endPageThread(thread: Worker): Promise<void> {
  thread.ref();
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<void>((resolve) => {
    thread.once('exit', () => resolve());
    timer = setTimeout(resolve, END_MS);
  });
  thread.postMessage({ type: 'close' });
  await gone;
  clearTimeout(timer);
  // does nothing if it is gone, as it may have been before
  await thread.terminate();
}

function listenError(host: string, port: number, reason: string): LoptError {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: '"ui" must be a free port, but another process is listening on it',
    EACCES: '"ui" must be a port that this user may listen on',
    EADDRNOTAVAIL: '"ui-host" must be an address of this machine',
    ENOTFOUND: '"ui-host" must be an address of this machine',
  };
  return new LoptError(`Cannot serve the live page on ${host}:${port}: ${why[reason] ?? reason}`);
}
