/** The growing curves of a sweep's trials, read from the files that the sweep appends to. */
import { type CurvePoint, CurveReader } from '../../../coordinator/population/curve.js';
import type { ReportedSweep, ReportedTrial, Standing } from '../../../coordinator/report/sweep/reported-sweep.js';
import { runFolderOf } from '../../sweep/again.js';
import { nameOf, type SegmentId } from '../../sweep/segment.js';
import { FollowedFile } from '../followed-file.js';
import type { LiveTrial, SweepStatus, SweepSubject } from './sweep-data.js';

interface Followed {
  file: FollowedFile;
  reader: CurveReader;
  /** Whether the file is complete. */
  settled: boolean;
}

const STANDING: Readonly<Record<LiveTrial['state'], Standing>> = {
  running: 'open',
  waiting: 'open',
  paused: 'open',
  complete: 'complete',
  pruned: 'stopped',
  failed: 'failed',
};

export class TrialCurves {
  readonly #out: string;
  readonly #subject: SweepSubject;
  readonly #followed = new Map<string, Followed>();

  /** @param out the sweep's folder */
  constructor(out: string, subject: SweepSubject) {
    this.#out = out;
    this.#subject = subject;
  }

  /** The trials with their curves so far, and the one with the best value. */
  read({ trials, best }: SweepStatus): { sweep: ReportedSweep; best: ReportedTrial | undefined } {
    const reported = trials.map((trial) => this.#reported(trial));
    const { metric, rounds, trials: planned } = this.#subject;
    const sweep = { plan: { metric, rounds, trials: planned, space: [], scheduler: { type: 'none' } as const } };
    return { sweep: { ...sweep, trials: reported }, best: reported.find(({ number }) => number === best) };
  }

  #reported(live: LiveTrial): ReportedTrial {
    const { trial, state, round, last, begins } = live;
    const segments = begins.map((begin, fork) => ({
      parameters: {},
      // the parent does not matter here
      from: fork === 0 ? null : { trial, segment: 0, round: begin },
    }));
    return {
      number: trial,
      standing: STANDING[state],
      round,
      value: last ?? null,
      why: null,
      parameters: {},
      curve: this.#curveOf(live),
      history: { segments, reports: [] },
    };
  }

  /** For every segment, the part that it computed between its fork and the next one. */
  #curveOf({ trial, begins, state }: LiveTrial): CurvePoint[] {
    return begins.flatMap((begin, fork) => {
      const end = begins[fork + 1] ?? Number.POSITIVE_INFINITY;
      const over = fork < begins.length - 1 || STANDING[state] !== 'open';
      return this.#pointsOf({ trial, fork }, over).filter(({ round }) => round >= begin && round <= end);
    });
  }

  /** @param over whether the segment's file is complete */
  #pointsOf(id: SegmentId, over: boolean): readonly CurvePoint[] {
    const name = nameOf(id);
    let followed = this.#followed.get(name);
    if (!followed) {
      const file = new FollowedFile(runFolderOf(this.#out, id).metrics);
      followed = { file, reader: new CurveReader(this.#subject.metric.name), settled: false };
      this.#followed.set(name, followed);
    }
    if (followed.settled) return followed.reader.points;
    const { lines, restarted } = followed.file.read();
    if (restarted) followed.reader = new CurveReader(this.#subject.metric.name);
    for (const line of lines) followed.reader.add(line);
    followed.settled = over;
    return followed.reader.points;
  }
}
