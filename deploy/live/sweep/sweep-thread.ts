/** The live page's thread: reads the trials' metrics, draws and serves. It cannot act on the sweep. */
import { workerData } from 'node:worker_threads';
import { fullPicture } from '../../../coordinator/report/picture.js';
import { memberCurves } from '../../../coordinator/report/sweep/member-curves.js';
import { livePage } from '../live-markup.js';
import { servePage } from '../serve-page.js';
import type { SweepPageData, SweepStatus, ToSweepPage } from './sweep-data.js';
import { sweepLayout, sweepView, titleOf } from './sweep-view.js';
import { TrialCurves } from './trial-curves.js';

const { host, port, token, out, subject, status: first } = workerData as SweepPageData;
const curves = new TrialCurves(out, subject);
let status: SweepStatus = first;

servePage<ToSweepPage>({
  ...{ host, port, token },
  page: livePage(titleOf(subject), sweepLayout(subject)),
  status: () => sweepView(status, subject),
  async draw(publish) {
    const { sweep, best } = curves.read(status);
    const picture = memberCurves(sweep, best);
    if (picture) publish('figures', (await fullPicture(picture)).text);
  },
  receive(message) {
    status = message.status;
  },
});
