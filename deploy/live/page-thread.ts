/** The live page's own thread: reads the run's metrics, draws, and serves. It has no way to act on the run. */
import { parentPort, workerData } from 'node:worker_threads';
import { HistoryReader } from '../../coordinator/report/history.js';
import { messageOf } from '../../shared/errors.js';
import { FollowedFile } from './followed-file.js';
import type { Baseline, FromPage, LiveStatus, PageData, ToPage } from './live-data.js';
import { liveFigures } from './live-figures.js';
import { livePage, RUN_LAYOUT } from './live-markup.js';
import { LiveServer } from './live-server.js';
import { statusView } from './status-view.js';

/** Between two drawings: each takes a part of a second of this thread. */
const DRAW_MS = 2000;

const { host, port, token, metrics, shape, status: first } = workerData as PageData;
const newest = new Map<string, string>();
const file = new FollowedFile(metrics);
let history = new HistoryReader(shape);
let status: LiveStatus = first;
let baselines: readonly Baseline[] = [];
let changed = true;

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
  const { lines, restarted } = file.read();
  if (restarted) history = new HistoryReader(shape);
  for (const line of lines) history.add(line);
  changed ||= lines.length > 0;
  if (!changed) return;
  changed = false;
  publish(server, 'figures', await liveFigures(history.history(), baselines));
}

async function serve(): Promise<void> {
  const { run, problem } = first;
  const server = await LiveServer.start({
    host,
    port,
    token,
    page: livePage(`${run}: φ on ${problem}`, RUN_LAYOUT),
    newest: () => newest,
    onWatched: () => tell({ type: 'watched' }),
  });
  publish(server, 'status', statusView(status, baselines));
  let drawing: Promise<void> = draw(server);
  const timer = setInterval(() => {
    // nobody looks: nothing is drawn
    if (server.watched) drawing = drawing.then(() => draw(server));
  }, DRAW_MS);
  parentPort!.on('message', (message: ToPage) => {
    if (message.type === 'close') {
      clearInterval(timer);
      void drawing
        .then(() => draw(server))
        .then(() => server.close())
        .then(() => parentPort!.close());
      return;
    }
    if (message.type === 'status') status = message.status;
    else {
      baselines = message.baselines;
      changed = true;
    }
    publish(server, 'status', statusView(status, baselines));
  });
  tell({ type: 'listening', url: server.url });
}

serve().catch((error: NodeJS.ErrnoException) => {
  tell({ type: 'failed', reason: error.code ?? messageOf(error) });
  parentPort!.close();
});
