/** A live page's thread: its start, where it listens, and its end. */
import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { LoptError } from '../../shared/errors.js';
import { isLoopback } from './access.js';
import type { FromPage } from './live-data.js';

/** Where a page is served. */
export interface LiveAddress {
  port: number;
  host: string;
  /** What browsers must show where the address is not this machine's alone. @default a random one */
  token?: string | undefined;
}

/** What a browser must know; null where the page is for this machine alone. */
export function tokenOf({ host, token }: LiveAddress): string | null {
  return isLoopback(host) ? null : (token ?? randomBytes(24).toString('base64url'));
}

/** Starts the thread; resolves once it listens, to where, with the token. Throws LoptError where the address cannot be had. */
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

/** Has the thread show what it knows a last time, and waits until it is gone. */
export async function endPageThread(thread: Worker): Promise<void> {
  thread.ref();
  const gone = new Promise<void>((resolve) => {
    thread.once('exit', () => resolve());
  });
  thread.postMessage({ type: 'close' });
  await gone;
}

function listenError(host: string, port: number, reason: string): LoptError {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: '"ui" must be a free port, and another process listens there',
    EACCES: '"ui" must be a port that this user may listen on',
    EADDRNOTAVAIL: '"ui-host" must be an address of this machine',
    ENOTFOUND: '"ui-host" must be an address of this machine',
  };
  return new LoptError(`Cannot serve the live page on ${host}:${port}: ${why[reason] ?? reason}`);
}
