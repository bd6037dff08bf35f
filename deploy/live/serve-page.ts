/** What the threads of live pages have in common: they serve, draw while somebody looks, and end when they are told to. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../shared/errors.js';
import type { FromPage } from './live-data.js';
import { LiveServer, type LiveServerOptions } from './live-server.js';

/** Between two drawings: each takes a part of a second of this thread. */
const DRAW_MS = 2000;

/** Tells browsers the newest content of an event, where it is another one. */
export type Publish = (event: string, content: unknown) => void;

export interface ServedPage<Message extends { type: string }>
  extends Pick<LiveServerOptions, 'host' | 'port' | 'token' | 'page'> {
  /** The content of the event `status`. */
  status(): unknown;
  draw(publish: Publish): Promise<void>;
  /** Takes what the other side says; the status is then told again. */
  receive(message: Exclude<Message, { type: 'close' }>): void;
}

/** Serves until it is told to close, after a last drawing. Says to the thread's parent where, or why it cannot. */
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
    // nobody looks: nothing is drawn
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
