/** The HTTP server of a role: liveness, readiness and metrics. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { LoptError, messageOf } from '../../shared/errors.js';

/** A readiness check: says what is missing, or undefined if nothing is. */
export type Check = () => string | undefined;

export interface OperationsOptions {
  registry: Registry;
  /** Readiness checks by name. */
  checks: Readonly<Record<string, Check>>;
  /** 0 for any free port. */
  port: number;
  /** The address to listen on. @default 127.0.0.1 */
  host?: string;
}

/** The response to a request. */
interface Answer {
  status: number;
  type: string;
  body: string;
}

/** Time limit: requests to these paths are short. */
const REQUEST_MS = 10_000;
const PLAIN = 'text/plain; charset=utf-8';

/**
 * Serves `/livez` (200 while the event loop turns), `/readyz` (200 if every check passes, otherwise 503, with a line
 * per check) and `/metrics` (Prometheus text format).
 */
export class OperationsServer {
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Starts to listen; throws LoptError if it cannot listen at the address. */
  static start(options: OperationsOptions): Promise<OperationsServer> {
    const { host = '127.0.0.1', port } = options;
    const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
      // ignores the body; left unread, it would block the next request on the connection
      request.resume();
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('allow', 'GET, HEAD');
        send(response, plain(405, 'Only GET and HEAD are answered here.'));
        return;
      }
      // not with URL, which throws on invalid ones
      const [path = '/'] = (request.url ?? '/').split('?');
      void answerTo(path, options).then((answer) => send(response, answer));
    });
    // does not keep a finished process alive
    server.unref();
    server.on('connection', (socket) => socket.unref());
    return new Promise((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(host, port, cause)));
      server.listen({ host, port }, () => resolve(new OperationsServer(server)));
    });
  }

  /** The address, as in `http://127.0.0.1:9464`. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Closes the server with its open connections; idempotent. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#closing;
  }
}

async function answerTo(path: string, { registry, checks }: OperationsOptions): Promise<Answer> {
  try {
    switch (path) {
      case '/livez':
        return plain(200, 'ok');
      case '/readyz':
        return readiness(checks);
      case '/metrics':
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      default:
        return plain(404, 'The paths are /livez, /readyz and /metrics.');
    }
  } catch (error) {
    return plain(500, messageOf(error));
  }
}

function readiness(checks: OperationsOptions['checks']): Answer {
  const missing = Object.entries(checks).map(([name, check]) => [name, check()] as const);
  const ready = missing.every(([, what]) => what === undefined);
  return plain(ready ? 200 : 503, missing.map(([name, what]) => `${name}: ${what ?? 'ok'}`).join('\n') || 'ok');
}

function plain(status: number, text: string): Answer {
  return { status, type: PLAIN, body: `${text}\n` };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  // Node omits the body for HEAD
  response.end(body);
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): LoptError {
  const task = `Cannot serve metrics on ${host}:${port}`;
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: '"metrics-port" must be free, but another process is listening on it',
    EACCES: '"metrics-port" must be one that this user may listen on',
    EADDRNOTAVAIL: '"metrics-host" must be an address of this machine',
    ENOTFOUND: '"metrics-host" must be an address of this machine',
  };
  return new LoptError(`${task}: ${why[cause.code ?? ''] ?? cause.message}`, { cause });
}
