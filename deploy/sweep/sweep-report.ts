/** report.html of a sweep, made from its folder, also while the sweep is running. */
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type CurvePoint, CurveReader } from '../../coordinator/population/curve.js';
import type { MetricName } from '../../coordinator/population/metric.js';
import { readHistory, type TrialHistory } from '../../coordinator/population/trial-log/history.js';
import { bestTrial, type ReportedTrial, reportedTrial } from '../../coordinator/report/sweep/reported-sweep.js';
import { sweepPage } from '../../coordinator/report/sweep/sweep-page.js';
import { FileError, messageOf } from '../../shared/errors.js';
import { readFileNamed, writeFileWhole } from '../../shared/files.js';
import { againCommands, runFolderOf } from './again.js';
import { openSweep } from './prepare-sweep.js';
import type { SweepFolder } from './sweep-folder.js';

/**
 * Writes the sweep's report.html. Throws UsageError if the folder holds no sweep, FileError if its files are damaged.
 *
 * @param resume the command that resumes the sweep
 */
export async function writeSweepReport(folder: SweepFolder, resume: string): Promise<void> {
  const { stored, plan } = await openSweep('Cannot report on', folder);
  const history = readHistory(folder.log);
  const histories = history?.trials ?? [];
  const trials: ReportedTrial[] = [];
  for (const trial of histories) {
    trials.push(reportedTrial(trial, await curveOf(folder.path, trial, plan.metric.name)));
  }
  const best = bestTrial({ plan, trials });
  const bestFolder = best && runFolderOf(folder.path, { trial: best.number, fork: best.history.segments.length - 1 });
  const page = await sweepPage({
    plan,
    trials,
    problem: stored.problem,
    file: readFileNamed(folder.file, 'a sweep').toString('utf8'),
    digest: stored.digest,
    version: stored.version,
    finished: history?.finished ?? false,
    seconds: secondsOf(histories),
    phi: bestFolder?.best,
    commands: { again: bestFolder?.begun ? againCommands(bestFolder) : [], resume },
  });
  writeFileWhole(folder.report, page);
}

/** The curve of a trial: for every segment, the part that it computed between its fork and the next one. */
async function curveOf(out: string, { number, segments }: TrialHistory, metric: MetricName): Promise<CurvePoint[]> {
  const curve: CurvePoint[] = [];
  for (const [fork, { from }] of segments.entries()) {
    const begin = from?.round ?? 0;
    const end = segments[fork + 1]?.from?.round ?? Number.POSITIVE_INFINITY;
    const points = await segmentCurve(runFolderOf(out, { trial: number, fork }).metrics, metric);
    curve.push(...points.filter(({ round }) => round >= begin && round <= end));
  }
  return curve;
}

async function segmentCurve(metrics: string, metric: MetricName): Promise<readonly CurvePoint[]> {
  const reader = new CurveReader(metric);
  if (!existsSync(metrics)) return [];
  try {
    for await (const line of createInterface({ input: createReadStream(metrics), crlfDelay: Infinity })) {
      reader.add(line);
    }
  } catch (cause) {
    throw new FileError(metrics, `Cannot read the metrics from ${metrics}: ${messageOf(cause)}`, { cause });
  }
  return reader.points;
}

function secondsOf(trials: readonly TrialHistory[]): number | null {
  const ends = trials.flatMap(({ ended }) => (ended === null ? [] : [Date.parse(ended)]));
  if (ends.length === 0) return null;
  return (Math.max(...ends) - Math.min(...trials.map(({ started }) => Date.parse(started)))) / 1000;
}
