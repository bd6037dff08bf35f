/** Shared by the threads of live pages: they serve, draw while someone is watching, and close when told to. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../shared/errors.js';
import type { FromPage } from './live-data.js';
import { LiveServer, type LiveServerOptions } from './live-server.js';

/** Interval between drawings; each takes this thread a fraction of a second. */
const DRAW_MS = 2000;

/** Sends an event's content to browsers if it has changed. */
export type Publish = (event: string, content: unknown) => void;

export interface ServedPage<Message extends { type: string }>
  extends Pick<LiveServerOptions, 'host' | 'port' | 'token' | 'page'> {
  /** The content of the event `status`. */
  status(): unknown;
  draw(publish: Publish): Promise<void>;
  /** Handles a message from the main thread; the status is sent again afterwards. */
  receive(message: Exclude<Message, { type: 'close' }>): void;
}

/** Serves until told to close, and draws a last time then. Tells the parent thread the address, or why it failed. */
export function servePage<Message extends { type: string }>(served: ServedPage<Message>): void {
  serve(served).catch((error: NodeJS.ErrnoException) => {
    tell({ type: 'failed', reason: error.code ?? messageOf(error) });
    parentPort!.close();
  });
}

async function serve<Message extends { type: string }>(served: ServedPage<Message>): Promise<void> {
  const { host, port, token, page } = served;
  const newest = new Map<string, string>();
  const server = await LiveServer.start({
    ...{ host, port, token, page },
    newest: () => newest,
    onWatched: () => tell({ type: 'watched' }),
  });
  const publish: Publish = (event, content) => {
    const data = JSON.stringify(content);
    if (newest.get(event) === data) return;
    newest.set(event, data);
    server.send(event, data);
  };
  publish('status', served.status());
  let drawing = served.draw(publish);
  const timer = setInterval(() => {
    // draws only if someone is watching
    if (server.watched) drawing = drawing.then(() => served.draw(publish));
  }, DRAW_MS);
  parentPort!.on('message', (message: Message) => {
    if (message.type === 'close') {
      clearInterval(timer);
      void drawing
        .then(() => served.draw(publish))
        .then(() => server.close())
        .then(() => parentPort!.close());
      return;
    }
    served.receive(message as Exclude<Message, { type: 'close' }>);
    publish('status', served.status());
  });
  tell({ type: 'listening', url: server.url });
}

function tell(message: FromPage): void {
  parentPort!.postMessage(message);
}
