/** The HTTP server of a live page: the page, and a stream of events that keeps it up to date. It is read-only. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { admit } from './access.js';

/** What to serve. */
export interface LiveServerOptions {
  host: string;
  /** 0 for any free port. */
  port: number;
  token: string | null;
  /** The page with its script. */
  page: { html: string; script: string };
  /** The newest data of every event by name, for browsers that connect. */
  newest(): ReadonlyMap<string, string>;
  onWatched(): void;
}

/** What is served; a redirect leads nowhere else, not to the host of a path such as //evil.example/ either. */
const PATHS: readonly string[] = ['/', '/events', '/status.json'];
const REQUEST_MS = 10_000;
const MOST_BROWSERS = 64;
/** A browser that does not read its stream is disconnected; its page reconnects. */
const MOST_WAITING = 4 << 20;

export class LiveServer {
  readonly #server: Server;
  readonly #options: LiveServerOptions;
  readonly #streams = new Set<ServerResponse>();

  private constructor(options: LiveServerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
      request.resume();
      this.#answer(request, response);
    });
  }

  /** Starts to listen; rejects with the system's error if it cannot. */
  static start(options: LiveServerOptions): Promise<LiveServer> {
    const live = new LiveServer(options);
    return new Promise((resolve, reject) => {
      live.#server.once('error', reject);
      live.#server.listen({ host: options.host, port: options.port }, () => resolve(live));
    });
  }

  /** The address, as in `http://127.0.0.1:8080/`. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
  }

  get watched(): boolean {
    return this.#streams.size > 0;
  }

  /** Sends an event to all browsers; `data` is one line. */
  send(event: string, data: string): void {
    for (const stream of this.#streams) {
      if (stream.writableLength > MOST_WAITING) stream.destroy();
      else stream.write(eventOf(event, data));
    }
  }

  /** Closes the server with its open connections. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const stream of this.#streams) stream.end();
      this.#server.closeIdleConnections();
      // does not wait for browsers that do not close their streams
      setTimeout(() => this.#server.closeAllConnections(), 500).unref();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { token } = this.#options;
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('referrer-policy', 'no-referrer');
    const admission = admit(request, token);
    const [path = '/'] = (request.url ?? '/').split('?');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      plain(response, 405, 'This page is read-only.');
    } else if (admission === 'elsewhere') {
      plain(response, 403, 'This page must be requested as 127.0.0.1 or localhost.');
    } else if (admission === 'refused') {
      plain(response, 401, 'This page needs ?token=TOKEN, as lopt printed it.');
    } else if (!PATHS.includes(path)) {
      plain(response, 404, `The paths are ${PATHS.join(', ')}.`);
    } else if (typeof admission === 'object') {
      // removes the token from the address, which browsers remember
      response.writeHead(303, { location: path, 'set-cookie': admission.cookie }).end();
    } else {
      this.#show(path, request, response);
    }
  }

  #show(path: string, request: IncomingMessage, response: ServerResponse): void {
    if (path === '/') this.#sendPage(response);
    else if (path === '/events') this.#stream(request, response);
    else json(response, this.#options.newest().get('status') ?? '{}');
  }

  #sendPage(response: ServerResponse): void {
    const { html, script } = this.#options.page;
    const hash = createHash('sha256').update(script).digest('base64');
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    });
    response.end(html);
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    if (this.#streams.size >= MOST_BROWSERS) {
      plain(response, 503, 'Too many browsers are watching this page.');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write('retry: 2000\n\n');
    for (const [event, data] of this.#options.newest()) response.write(eventOf(event, data));
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    this.#options.onWatched();
  }
}

function eventOf(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

function json(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(`${body}\n`);
}
