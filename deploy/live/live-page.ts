/** The live page of a run: `--ui`. Its own thread serves and draws it; this side sends the run's status. */
import type { Worker } from 'node:worker_threads';
import type { Reassignment } from '../../coordinator/actions.js';
import type { Scores } from '../../coordinator/evaluation.js';
import type { LearnerState } from '../../coordinator/learner.js';
import type { RoundMeasures, RunObserver } from '../../coordinator/observer.js';
import { counted } from '../../coordinator/report/numbers.js';
import type { Member } from '../../coordinator/roster.js';
import type { RunConfig } from '../../shared/config.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { workerState } from '../operations/coordinator-metrics.js';
import { EpisodeLoss } from '../run/episode-loss.js';
import type {
  Baseline,
  FromPage,
  LiveEvent,
  LiveState,
  LiveStatus,
  LiveWorker,
  PageData,
  ToPage,
} from './live-data.js';
import { Pace } from './pace.js';
import { endPageThread, type LiveAddress, startPageThread, tokenOf } from './start-thread.js';

export interface LivePageOptions extends LiveAddress {
  run: string;
  config: RunConfig;
  /** metrics.jsonl of the run. */
  metrics: string;
  /** Measures hand-designed optimizers for the page; called once, when someone first watches it. */
  baselines?: (signal: AbortSignal) => Promise<readonly Baseline[]>;
  onError: (sentence: string) => void;
}

const STATUS_MS = 500;
const MOST_EVENTS = 30;

export class LivePage implements RunObserver {
  /** The address, with the token if one is needed. */
  readonly url: string;
  readonly #thread: Worker;
  readonly #metaLoss: EpisodeLoss;
  readonly #status: LiveStatus;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  #members: () => readonly Member[] = () => [];
  readonly #pace = new Pace();
  #closing: Promise<void> | undefined;

  private constructor(
    thread: Worker,
    url: string,
    status: LiveStatus,
    { config, baselines, onError }: LivePageOptions,
  ) {
    this.#thread = thread;
    this.url = url;
    this.#status = status;
    this.#metaLoss = new EpisodeLoss(config);
    this.#timer = setInterval(() => this.#tell(), STATUS_MS);
    this.#timer.unref();
    thread.on('error', (error) => onError(`The live page has failed: ${error.message}`));
    let asked = false;
    thread.on('message', ({ type }: FromPage) => {
      if (type !== 'watched' || asked || !baselines) return;
      asked = true;
      baselines(this.#stop.signal).then(
        (found) => this.#post({ type: 'baselines', baselines: found }),
        (error: Error) => {
          if (!this.#stop.signal.aborted)
            onError(`Cannot show hand-designed optimizers on the live page: ${error.message}`);
        },
      );
    });
  }

  /** Serves the page. Throws LoptError if it cannot listen at the address. */
  static async start(options: LivePageOptions): Promise<LivePage> {
    const { host, port, run, config, metrics } = options;
    const token = tokenOf(options);
    const { horizon, longestHorizon, unroll, longestUnroll, curriculum } = config;
    const status = initialStatus(run, config);
    const shape = { horizon, longestHorizon, unroll, longestUnroll, curriculum };
    const data: PageData = { host, port, token, metrics, shape, status };
    const { thread, url } = await startPageThread(new URL('./page-thread.js', import.meta.url), data);
    return new LivePage(thread, url, status, options);
  }

  /** Takes the workers of the run from this coordinator from now on. */
  watch(coordinator: { readonly members: readonly Member[] }): void {
    this.#members = () => coordinator.members;
  }

  standBy(): void {
    this.#become('standing by');
  }

  /** Says how the run ended. */
  ended(state: Extract<LiveState, 'finished' | 'interrupted' | 'failed'>): void {
    this.#members = () => [];
    this.#become(state);
  }

  started(round: number, term: number): void {
    Object.assign(this.#status, { round, term });
    this.#become('running');
    if (round > 0) this.#note(`The run resumed after round ${round}, term ${term}`);
  }

  planned(rounds: number): void {
    this.#status.plannedRounds = rounds;
  }

  round(record: JournalRecord, { replayed }: RoundMeasures): void {
    const status = this.#status;
    if (status.state === 'waiting') this.#become('running');
    status.round = record.round;
    status.faults.replayed += replayed;
    status.faults.skippedRounds += record.skipped ? 1 : 0;
    status.faults.badProblems = record.problems - record.healthy;
    this.#metaLoss.add(record);
    status.metaLoss = this.#metaLoss.last ?? null;
  }

  evaluated(round: number, { sum, final }: Scores): void {
    this.#status.heldOut = { round, sum: sum.mean, final: final.mean };
  }

  saved({ plannedRounds }: LearnerState): void {
    this.#status.plannedRounds = plannedRounds;
  }

  waiting(): void {
    this.#become('waiting');
  }

  reassigned(worker: string, why: Reassignment): void {
    this.#status.faults.reassignments += 1;
    this.#note(`The shards of ${worker}, which ${why === 'left' ? 'left' : `was ${why}`}, went to others`);
  }

  banned(worker: string, round: number): void {
    this.#note(`${worker} computed different bits from the others in round ${round} and was banned`);
  }

  /** Shows the final state and closes the page; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    this.#tell();
    await endPageThread(this.#thread);
  }

  #become(state: LiveState): void {
    this.#status.state = state;
  }

  #note(text: string): void {
    const events: LiveEvent[] = [...this.#status.events, { at: Date.now(), text }];
    this.#status.events = events.slice(-MOST_EVENTS);
  }

  #tell(): void {
    this.#status.roundsPerSecond = this.#pace.after(this.#status.round);
    this.#lookAtWorkers();
    this.#post({ type: 'status', status: this.#status });
  }

  #post(message: ToPage): void {
    this.#thread.postMessage(message);
  }

  /** Notes workers that have joined or left since the last time. */
  #lookAtWorkers(): void {
    const workers = this.#members().map(workerOf);
    const known = new Set(this.#status.workers.map(({ id }) => id));
    const present = new Set(workers.map(({ id }) => id));
    if (this.#status.state === 'running' || this.#status.state === 'waiting') {
      for (const { id, threads } of workers)
        if (!known.has(id)) this.#note(`${id} joined, with ${counted(threads, 'thread')}`);
      for (const id of known) if (!present.has(id)) this.#note(`${id} is gone`);
    }
    this.#status.workers = workers;
  }
}

function workerOf(member: Member): LiveWorker {
  const shards = member.ranges.reduce((sum, { first, end }) => sum + end - first, 0);
  return { id: member.id, threads: member.threads, shards, state: workerState(member) };
}

function initialStatus(run: string, { problem, shards }: RunConfig): LiveStatus {
  return {
    run,
    problem,
    state: 'starting',
    term: 0,
    round: 0,
    plannedRounds: null,
    roundsPerSecond: null,
    metaLoss: null,
    heldOut: null,
    shards,
    workers: [],
    faults: { reassignments: 0, replayed: 0, skippedRounds: 0, badProblems: 0 },
    events: [],
  };
}
