/** The live page's thread: reads the run's metrics, draws and serves. It cannot act on the run. */
import { workerData } from 'node:worker_threads';
import { HistoryReader } from '../../coordinator/report/history.js';
import { FollowedFile } from './followed-file.js';
import type { Baseline, LiveStatus, PageData, ToPage } from './live-data.js';
import { liveFigures } from './live-figures.js';
import { livePage, RUN_LAYOUT } from './live-markup.js';
import { servePage } from './serve-page.js';
import { statusView } from './status-view.js';

const { host, port, token, metrics, shape, status: first } = workerData as PageData;
const file = new FollowedFile(metrics);
let history = new HistoryReader(shape);
let status: LiveStatus = first;
let baselines: readonly Baseline[] = [];
let changed = true;

servePage<ToPage>({
  ...{ host, port, token },
  page: livePage(`${first.run}: φ on ${first.problem}`, RUN_LAYOUT),
  status: () => statusView(status, baselines),
  async draw(publish) {
    const { lines, restarted } = file.read();
    if (restarted) history = new HistoryReader(shape);
    for (const line of lines) history.add(line);
    changed ||= lines.length > 0;
    if (!changed) return;
    changed = false;
    publish('figures', await liveFigures(history.history(), baselines));
  },
  receive(message) {
    if (message.type === 'status') {
      status = message.status;
      return;
    }
    baselines = message.baselines;
    changed = true;
  },
});
