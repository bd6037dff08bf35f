/** What a power failure leaves of a nats-server's store: an older state of it, or a journal without its end. */
import { cpSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { runSubjects } from '../../shared/subjects.js';
import type { TestServer } from '../fixtures/nats-server.js';

/** Copies a store as it is on the disk in this moment. */
export function copyStore(server: TestServer, to: string): void {
  // nothing of it may change meanwhile
  server.signal('SIGSTOP');
  rmSync(to, { recursive: true, force: true });
  cpSync(server.store, to, { recursive: true });
  server.signal('SIGCONT');
}

/** Puts a copy in the place of the store of a server that is not running. */
export function restoreStore(server: TestServer, from: string): void {
  rmSync(server.store, { recursive: true, force: true });
  cpSync(from, server.store, { recursive: true });
}

/** Cuts bytes off the end of the journal of a run, of a server that is not running; whole records, and half a one. */
export function tearJournal(server: TestServer, run: string, bytes: number): void {
  const folder = join(server.store, 'jetstream', '$G', 'streams', runSubjects(run).journalStream, 'msgs');
  const blocks = readdirSync(folder)
    .filter((name) => name.endsWith('.blk'))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const last = join(folder, blocks.at(-1)!);
  truncateSync(last, Math.max(0, statSync(last).size - bytes));
}
