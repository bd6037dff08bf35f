/** A run's status as the texts that the live page shows. */
import { counted, grouped, short } from '../../coordinator/report/numbers.js';
import type { Baseline, LiveState, LiveStatus } from './live-data.js';

/** Texts of the page's fields. */
export interface StatusFields {
  rounds: string;
  pace: string;
  metaLoss: string;
  heldOut: string;
  faults: string;
}

/** Rows of the page's tables; empty tables are hidden. */
export interface StatusTables {
  workers: string[][];
  baselines: string[][];
  events: string[][];
}

/** What the event `status` carries. */
export interface StatusView {
  title: string;
  /** A sentence. */
  state: string;
  /** Whether nothing more will come. */
  over: boolean;
  fields: StatusFields;
  tables: StatusTables;
}

/** The states as sentences. */
export const SENTENCES: Readonly<Record<LiveState, string>> = {
  starting: 'Starting.',
  'standing by': 'Standing by while another coordinator leads the run.',
  running: 'Running.',
  waiting: 'Waiting for a worker.',
  finished: 'Finished.',
  interrupted: 'Interrupted, and saved.',
  failed: 'Failed; the output of lopt says why.',
};

/** Whether nothing more will come. */
export function isOver(state: LiveState): boolean {
  return state === 'finished' || state === 'interrupted' || state === 'failed';
}

export function statusView(status: LiveStatus, baselines: readonly Baseline[]): StatusView {
  const { run, problem, state, round, plannedRounds, roundsPerSecond, metaLoss, heldOut, workers, events } = status;
  return {
    title: `${run}: φ on ${problem}`,
    state: SENTENCES[state],
    over: isOver(state),
    fields: {
      rounds: `${grouped(round)} of ${plannedRounds === null ? 'a number not planned yet' : grouped(plannedRounds)}`,
      pace: paceOf(round, plannedRounds, roundsPerSecond),
      metaLoss: metaLoss === null ? '-' : short(metaLoss),
      heldOut: heldOut
        ? `sum ${short(heldOut.sum)}, final ${short(heldOut.final)} (φ of round ${grouped(heldOut.round)})`
        : 'none yet',
      faults: faultsOf(status),
    },
    tables: {
      workers: workers.map(({ id, threads, shards, state: doing }) => [id, String(threads), String(shards), doing]),
      baselines: baselines.map(({ name, sum, final }) => [
        name,
        short(sum.mean),
        short(sum.learningRate),
        short(final.mean),
        short(final.learningRate),
      ]),
      events: eventRows(events),
    },
  };
}

/** The newest event first. */
export function eventRows(events: LiveStatus['events']): string[][] {
  return events.toReversed().map(({ at, text }) => [`${new Date(at).toISOString().slice(11, 19)} UTC`, text]);
}

function paceOf(round: number, planned: number | null, pace: number | null): string {
  if (pace === null) return '-';
  const left = planned !== null && pace > 0 ? (planned - round) / pace : null;
  return `${short(pace)} rounds/s${left === null || left <= 0 ? '' : `, ${durationOf(left)} to go`}`;
}

function durationOf(seconds: number): string {
  if (seconds < 60) return counted(Math.ceil(seconds), 'second');
  if (seconds < 3600) return counted(Math.ceil(seconds / 60), 'minute');
  return `${short(seconds / 3600)} hours`;
}

function faultsOf({ faults, shards }: LiveStatus): string {
  const { reassignments, replayed, skippedRounds, badProblems } = faults;
  const parts = [
    ...(reassignments > 0 ? [`shards went to other workers ${counted(reassignments, 'time')}`] : []),
    ...(replayed > 0 ? [`${counted(replayed, 'window')} computed again`] : []),
    ...(skippedRounds > 0 ? [`${counted(skippedRounds, 'round')} skipped`] : []),
    ...(badProblems > 0 ? [`${counted(badProblems, 'problem')} blown up and left out in the last round`] : []),
  ];
  return parts.length === 0 ? `none; ${counted(shards, 'shard')} in all` : parts.join('; ');
}
