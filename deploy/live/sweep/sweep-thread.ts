/** The live page's own thread: reads the trials' metrics, draws, and serves. It has no way to act on the sweep. */
import { parentPort, workerData } from 'node:worker_threads';
import { fullPicture } from '../../../coordinator/report/picture.js';
import { memberCurves } from '../../../coordinator/report/sweep/member-curves.js';
import { messageOf } from '../../../shared/errors.js';
import type { FromPage } from '../live-data.js';
import { livePage } from '../live-markup.js';
import { LiveServer } from '../live-server.js';
import type { SweepPageData, SweepStatus, ToSweepPage } from './sweep-data.js';
import { sweepLayout, sweepView, titleOf } from './sweep-view.js';
import { TrialCurves } from './trial-curves.js';

/** Between two drawings: each takes a part of a second of this thread. */
const DRAW_MS = 2000;

const { host, port, token, out, subject, status: first } = workerData as SweepPageData;
const newest = new Map<string, string>();
const curves = new TrialCurves(out, subject);
let status: SweepStatus = first;

function tell(message: FromPage): void {
  parentPort!.postMessage(message);
}

function publish(server: LiveServer, event: string, content: unknown): void {
  const data = JSON.stringify(content);
  if (newest.get(event) === data) return;
  newest.set(event, data);
  server.send(event, data);
}

async function draw(server: LiveServer): Promise<void> {
  const { sweep, best } = curves.read(status);
  const picture = memberCurves(sweep, best);
  if (picture) publish(server, 'figures', (await fullPicture(picture)).text);
}

async function serve(): Promise<void> {
  const server = await LiveServer.start({
    host,
    port,
    token,
    page: livePage(titleOf(subject), sweepLayout(subject)),
    newest: () => newest,
    onWatched: () => tell({ type: 'watched' }),
  });
  publish(server, 'status', sweepView(status, subject));
  let drawing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    // nobody looks: nothing is drawn
    if (server.watched) drawing = drawing.then(() => draw(server));
  }, DRAW_MS);
  parentPort!.on('message', (message: ToSweepPage) => {
    if (message.type === 'close') {
      clearInterval(timer);
      void drawing
        .then(() => draw(server))
        .then(() => server.close())
        .then(() => parentPort!.close());
      return;
    }
    status = message.status;
    publish(server, 'status', sweepView(status, subject));
  });
  tell({ type: 'listening', url: server.url });
}

serve().catch((error: NodeJS.ErrnoException) => {
  tell({ type: 'failed', reason: error.code ?? messageOf(error) });
  parentPort!.close();
});
