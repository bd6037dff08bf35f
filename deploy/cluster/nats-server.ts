/** A nats-server of this machine as a child process, with JetStream, on the loopback interface. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ClusterError } from '../../shared/errors.js';

/** Where Debian installs it; not on every user's PATH. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/** The nats-server of this machine: NATS_SERVER_BIN, or the first on PATH; undefined if there is none. */
export function findNatsServer(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { NATS_SERVER_BIN: named, PATH = '' } = environment;
  if (named) return isExecutable(named) ? named : undefined;
  const folders = [...PATH.split(delimiter).filter((folder) => folder !== ''), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, 'nats-server')).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A server was killed while it started: another try may succeed. */
export class ServerKilledError extends ClusterError {}

/** A server that has not ended gracefully by then is killed: one whose disk is full may never end. */
const STOP_MS = 8000;

/** How a server is started. */
export interface NatsServerOptions {
  binary: string;
  /** Folder of JetStream's files. */
  store: string;
  /** A free one by default. */
  port?: number;
  /** A configuration file, for accounts and TLS. */
  config?: string;
  /** @default true */
  jetStream?: boolean;
  /** Called with every line of its log. */
  onLine?: (line: string) => void;
}

export class NatsServer {
  readonly port: number;
  /** Resolves when the process is gone, however it ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number, ended: Promise<void>) {
    this.#child = child;
    this.port = port;
    this.ended = ended;
  }

  /** Starts a server; resolves when it accepts connections. Throws ClusterError if it ends before. */
  static start(options: NatsServerOptions): Promise<NatsServer> {
    const { binary, store, port = -1, config, jetStream = true, onLine } = options;
    const storing = jetStream ? ['-js', '-sd', store] : [];
    const args = ['-a', '127.0.0.1', '-p', String(port), ...storing, ...(config ? ['-c', config] : [])];
    const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const task = `Cannot start ${binary}${config ? ` with ${config}` : ''}`;
    return new Promise((resolve, reject) => {
      let taken = port;
      let complaint = '';
      const ended = new Promise<void>((end) => {
        child.on('close', (_code, signal) => {
          end();
          // does nothing if it was ready before
          reject(
            signal === null
              ? new ClusterError(`${task}: ${complaint || 'it ended before it was ready'}`)
              : new ServerKilledError(`${task}: it was killed by ${signal} before it was ready`),
          );
        });
      });
      child.on('error', (cause) => reject(new ClusterError(`${task}: ${cause.message}`, { cause })));
      forEachLine(child, (line) => {
        onLine?.(line);
        complaint = /(?:\[(?:FTL|ERR)\]|^nats-server:) (.*)/.exec(line)?.[1] ?? complaint;
        const listening = /Listening for client connections on .*:(\d+)/.exec(line);
        if (listening) taken = Number(listening[1]);
        if (line.includes('Server is ready')) resolve(new NatsServer(child, taken, ended));
      });
    });
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Sends a signal; see `ended`. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it, gracefully if it can; idempotent. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    // one that is stopped sees no other signal
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

function forEachLine(child: ChildProcess, take: (line: string) => void): void {
  let rest = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) take(line);
  });
}
