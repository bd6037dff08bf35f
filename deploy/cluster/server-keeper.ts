/**
 * Keeps a nats-server for `lopt up`: restarts it if it is killed, on the same port and store, and ends it when
 * `lopt up` is gone. Arguments: the binary, the folder of the store, and optionally the port.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../shared/errors.js';
import { makeFolder } from '../../shared/files.js';
import { NatsServer, ServerKilledError } from './nats-server.js';

/** What the keeper sends to its parent. */
export type KeeperMessage = { url: string } | { failure: string };

/** The coordinator still needs the server to save its work when the parent is gone. */
const GRACE_MS = 5000;
const LEAST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** A server that is killed while it starts is reported after this many times in a row; its own errors, at once. */
const MOST_KILLS = 3;
/** A server that lived this long was healthy. */
const WELL_MS = 10_000;

const [binary = '', store = ''] = process.argv.slice(2);
const pidFile = join(store, 'nats-server.pid');
let server: NatsServer | undefined;
let ending = false;

/** Kills the server that a killed keeper left behind: a store can have only one. */
function endOrphan(): void {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(store)) process.kill(pid, 'SIGKILL');
  } catch {
    // there is none, or this system cannot tell; then the port or the store is refused
  }
}

async function end(graceMs: number): Promise<void> {
  if (ending) return;
  ending = true;
  await pause(graceMs);
  await server?.stop();
  process.exit(0);
}

function tell(message: KeeperMessage): void {
  if (process.connected) process.send?.(message);
}

async function keep(): Promise<void> {
  makeFolder(store);
  endOrphan();
  let port: number | undefined = process.argv[4] === undefined ? undefined : Number(process.argv[4]);
  let pauseMs = LEAST_PAUSE_MS;
  let kills = 0;
  while (!ending) {
    const startedAt = performance.now();
    try {
      server = await NatsServer.start({
        binary,
        store,
        ...(port === undefined ? {} : { port }),
        onLine: (line) => process.stderr.write(`${line}\n`),
      });
    } catch (error) {
      kills = error instanceof ServerKilledError ? kills + 1 : MOST_KILLS;
      if (kills >= MOST_KILLS) tell({ failure: messageOf(error) });
      await pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      continue;
    }
    kills = 0;
    port = server.port;
    writeFileSync(pidFile, String(server.pid));
    tell({ url: server.url });
    await server.ended;
    pauseMs = performance.now() - startedAt > WELL_MS ? LEAST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    await pause(pauseMs);
  }
}

process.on('SIGTERM', () => void end(0));
// a Ctrl-C does not reach this process group; SIGINT from elsewhere means the same
process.on('SIGINT', () => void end(0));
process.on('disconnect', () => void end(GRACE_MS));
await keep();
