/** A sweep's status as the texts that its live page shows. */
import { counted, grouped, short } from '../../../coordinator/report/numbers.js';
import type { LiveLayout } from '../live-markup.js';
import { eventRows, isOver, SENTENCES } from '../status-view.js';
import type { LiveTrial, SweepFaults, SweepStatus, SweepSubject } from './sweep-data.js';

/** Labels of the page's fields by name. */
const FIELDS = {
  trials: 'Trials',
  best: 'Best so far',
  pace: 'Pace',
  faults: 'Faults healed',
} as const;

/** What the event `status` carries. */
export interface SweepView {
  title: string;
  /** A sentence. */
  state: string;
  /** Whether nothing more will come. */
  over: boolean;
  fields: Record<keyof typeof FIELDS, string>;
  /** Rows by table; empty tables are hidden. */
  tables: Record<'trials' | 'workers' | 'events', string[][]>;
}

export const STATE_WORDS: Readonly<Record<LiveTrial['state'], string>> = {
  running: 'running',
  waiting: 'waiting',
  paused: 'paused',
  complete: 'complete',
  pruned: 'stopped early',
  failed: 'failed',
};

/** Most rows in the table of trials: more would make the page slow. */
const MOST_TRIALS = 60;

export function titleOf({ run, problem }: SweepSubject): string {
  return `${run}: a sweep of φ on ${problem}`;
}

export function sweepLayout({ parameters }: SweepSubject): LiveLayout {
  return {
    heading: 'Learning curves',
    fields: FIELDS,
    tables: [
      { name: 'trials', title: 'Trials', columns: ['trial', 'state', 'rounds', 'last', 'best', ...parameters] },
      { name: 'workers', title: 'Workers', columns: ['worker', 'threads', 'trials', 'shards', 'state'] },
      { name: 'events', title: 'What happened', columns: ['time', 'event'] },
    ],
  };
}

export function sweepView(status: SweepStatus, subject: SweepSubject): SweepView {
  const { state, trials, workers, events, roundsPerSecond, rounds } = status;
  const shown = ordered(status, subject).slice(0, MOST_TRIALS);
  return {
    title: titleOf(subject),
    state: SENTENCES[state],
    over: isOver(state),
    fields: {
      trials: trialsText(trials, subject),
      best: bestText(status, subject),
      pace: `${roundsPerSecond === null ? '-' : `${short(roundsPerSecond)} rounds/s over all trials`}; ${counted(rounds, 'round')} since this process leads`,
      faults: faultsText(status.faults),
    },
    tables: {
      trials: shown.map((trial) => [
        String(trial.trial),
        `${STATE_WORDS[trial.state]}${trial.trial === status.best ? ', best so far' : ''}`,
        `${grouped(trial.round)} of ${grouped(trial.to)}`,
        metricText(trial.last),
        metricText(trial.best),
        ...trial.values,
      ]),
      workers: workers.map((worker) => [
        worker.id,
        String(worker.threads),
        String(worker.trials),
        String(worker.shards),
        worker.state,
      ]),
      events: eventRows(events),
    },
  };
}

/** Running trials first, then the others by their best values. */
function ordered({ trials }: SweepStatus, { metric }: SweepSubject): LiveTrial[] {
  const cost = ({ best }: LiveTrial) =>
    typeof best !== 'number' ? Number.POSITIVE_INFINITY : metric.goal === 'minimize' ? best : -best;
  const runs = ({ state }: LiveTrial) => (state === 'running' ? 0 : 1);
  return trials.toSorted((a, b) => {
    const byRun = runs(a) - runs(b);
    if (byRun !== 0) return byRun;
    const [x, y] = runs(a) === 0 ? [0, 0] : [cost(a), cost(b)];
    // the difference of two infinities is NaN
    return x === y ? a.trial - b.trial : x - y;
  });
}

function trialsText(trials: readonly LiveTrial[], { trials: planned }: SweepSubject): string {
  const counts = (Object.keys(STATE_WORDS) as LiveTrial['state'][])
    .map((state) => ({ state, count: trials.filter((trial) => trial.state === state).length }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => `${grouped(count)} ${STATE_WORDS[state]}`);
  const more = trials.length > MOST_TRIALS ? `; the table shows ${MOST_TRIALS}` : '';
  return `${grouped(trials.length)} of ${grouped(planned)}${counts.length > 0 ? `: ${counts.join(', ')}` : ''}${more}`;
}

function bestText({ best, trials }: SweepStatus, { metric, parameters }: SweepSubject): string {
  const found = trials.find(({ trial }) => trial === best);
  if (!found) return 'none yet';
  const values = parameters.map((name, index) => `${name} ${found.values[index]}`).join(', ');
  return `${metric.name} ${metricText(found.best)}: trial ${found.trial}, ${values}`;
}

function metricText(value: number | null | undefined): string {
  return value === undefined ? '-' : value === null ? 'not finite' : short(value);
}

function faultsText({ reassignments, replayed, skippedRounds, badWindows }: SweepFaults): string {
  const parts = [
    ...(reassignments > 0 ? [`shards went to other workers ${counted(reassignments, 'time')}`] : []),
    ...(replayed > 0 ? [`${counted(replayed, 'window')} computed again`] : []),
    ...(skippedRounds > 0 ? [`${counted(skippedRounds, 'round')} skipped`] : []),
    ...(badWindows > 0 ? [`${counted(badWindows, 'window')} of problems that blew up, left out`] : []),
  ];
  return parts.length === 0 ? 'none' : parts.join('; ');
}
