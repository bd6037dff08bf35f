/** The live page of a sweep: `--ui`. Its own thread serves and draws it; this side sends the trials' status. */
import type { Worker } from 'node:worker_threads';
import type { Reassignment } from '../../../coordinator/actions.js';
import type { RunObserver } from '../../../coordinator/observer.js';
import type { SweepPlan } from '../../../coordinator/population/plan.js';
import type { Instruction } from '../../../coordinator/population/schedulers/scheduler.js';
import type { SweepObserver } from '../../../coordinator/population/sweep.js';
import { counted, grouped, short } from '../../../coordinator/report/numbers.js';
import { valueText } from '../../../coordinator/report/sweep/parameter-axis.js';
import type { SweepBoard, TrialPlace } from '../../sweep/board.js';
import { nameOf, type Segment } from '../../sweep/segment.js';
import type { LiveState } from '../live-data.js';
import { Pace } from '../pace.js';
import { endPageThread, type LiveAddress, startPageThread, tokenOf } from '../start-thread.js';
import { Crew, type Leader } from './crew.js';
import type { LiveTrial, SweepPageData, SweepStatus, SweepSubject, ToSweepPage } from './sweep-data.js';

export interface SweepLiveOptions extends LiveAddress {
  run: string;
  problem: string;
  plan: Pick<SweepPlan, 'metric' | 'space' | 'trials' | 'rounds' | 'scheduler'>;
  /** The sweep's folder. */
  out: string;
  onError: (sentence: string) => void;
}

const STATUS_MS = 500;
const MOST_EVENTS = 40;
/** Seconds within which the same event from several trials is noted once. */
const SAME_SECONDS = 5;

export class SweepLivePage implements SweepObserver {
  /** The address, with the token if one is needed. */
  readonly url: string;
  readonly #thread: Worker;
  readonly #plan: SweepLiveOptions['plan'];
  readonly #status: SweepStatus = initialStatus();
  readonly #crew = new Crew();
  readonly #pace = new Pace();
  readonly #timer: NodeJS.Timeout;
  /** The rounds at which the segments of trials begin. */
  readonly #begins = new Map<number, number[]>();
  /** Trials that have started to run in this process. */
  readonly #begun = new Set<number>();
  #board: SweepBoard | undefined;
  /** Whether the sweep is repeating logged events. */
  #replaying: () => boolean = () => false;
  #closing: Promise<void> | undefined;

  private constructor(thread: Worker, url: string, { plan, onError }: SweepLiveOptions) {
    this.#thread = thread;
    this.url = url;
    this.#plan = plan;
    this.#timer = setInterval(() => this.#tell(), STATUS_MS);
    this.#timer.unref();
    thread.on('error', (error) => onError(`The live page has failed: ${error.message}`));
  }

  /** Serves the page. Throws LoptError if it cannot listen at the address. */
  static async start(options: SweepLiveOptions): Promise<SweepLivePage> {
    const { host, port, run, problem, plan, out } = options;
    const { metric, trials, rounds } = plan;
    const parameters = plan.space.map(({ name }) => name);
    const subject: SweepSubject = { run, problem, metric, parameters, trials, rounds };
    const data: SweepPageData = { host, port, token: tokenOf(options), out, subject, status: initialStatus() };
    const { thread, url } = await startPageThread(new URL('./sweep-thread.js', import.meta.url), data);
    return new SweepLivePage(thread, url, options);
  }

  /** Takes the trials from this board from now on. @param replaying whether the sweep is repeating logged events */
  watch(board: SweepBoard, replaying: () => boolean): void {
    this.#board = board;
    this.#replaying = replaying;
    this.#status.state = 'running';
  }

  /** Says how the sweep ended. */
  ended(state: Extract<LiveState, 'finished' | 'interrupted' | 'failed'>): void {
    this.#status.state = state;
    this.#status.workers = [];
    this.#crew.dismiss();
  }

  /** Observes a segment that runs to a round. */
  observe({ trial, fork }: Segment, to: number): RunObserver {
    const { faults } = this.#status;
    return {
      started: (round) => {
        if (this.#begun.has(trial)) return;
        this.#begun.add(trial);
        if (round === 0 && fork === 0) this.#note(`Trial ${trial} started and runs to round ${grouped(to)}`);
        else this.#note(`Trial ${trial} resumed after round ${grouped(round)} and runs to round ${grouped(to)}`);
      },
      round: ({ skipped, problems, healthy }, { replayed }) => {
        if (this.#status.state === 'waiting') this.#status.state = 'running';
        faults.replayed += replayed;
        faults.skippedRounds += skipped ? 1 : 0;
        faults.badWindows += problems - healthy;
      },
      waiting: () => {
        this.#status.state = 'waiting';
      },
      reassigned: (worker, why: Reassignment) => {
        faults.reassignments += 1;
        this.#noteOnce(`Shards of ${worker}, which ${why === 'left' ? 'left' : `was ${why}`}, went to others`);
      },
      banned: (worker, round) =>
        this.#note(
          `${worker} computed different bits from the others in round ${round} of trial ${trial} and was banned`,
        ),
    };
  }

  /** Sets the leader of a segment; null when it stops running. */
  led(segment: Segment, leader: Leader | null): void {
    this.#crew.led(nameOf(segment), leader);
  }

  instructed(instruction: Instruction): void {
    const { trial } = instruction;
    if (instruction.action === 'fork') {
      this.#begins.set(trial, [...(this.#begins.get(trial) ?? [0]), instruction.at]);
    }
    if (!this.#replaying()) this.#noteInstruction(instruction);
  }

  /** Shows the final state and closes the page; idempotent. */
  close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing ??= (async () => {
      this.#tell();
      await endPageThread(this.#thread);
    })();
    return this.#closing;
  }

  #noteInstruction(instruction: Instruction): void {
    const { trial, action } = instruction;
    const place = this.#board?.places.find((each) => each.trial === trial);
    const value = `${this.#plan.metric.name} ${short(place?.last ?? null)}`;
    const after = `round ${grouped(place?.round ?? 0)}`;
    if (action === 'fork') {
      this.#note(`Trial ${trial} became a copy of trial ${instruction.from} after round ${grouped(instruction.at)}`);
    } else if (action === 'run' && this.#plan.scheduler.type !== 'pbt') {
      this.#note(`Trial ${trial} was promoted: from ${after}, ${value}, to round ${grouped(instruction.to)}`);
    } else if (action === 'stop') {
      const failed = typeof place?.last !== 'number';
      const how = failed ? 'failed' : instruction.end === 'complete' ? 'has run in full' : 'was stopped early';
      this.#note(`Trial ${trial} ${how} after ${after}${failed ? '' : `, ${value}`}`);
    }
  }

  #note(text: string): void {
    this.#status.events = [...this.#status.events, { at: Date.now(), text }].slice(-MOST_EVENTS);
  }

  #noteOnce(text: string): void {
    const since = Date.now() - 1000 * SAME_SECONDS;
    if (!this.#status.events.some((event) => event.text === text && event.at > since)) this.#note(text);
  }

  #tell(): void {
    const status = this.#status;
    const board = this.#board;
    if (board) {
      status.trials = board.places.map((place) => this.#trialOf(board, place));
      status.best = board.best?.trial ?? null;
      status.rounds = board.rounds;
      status.roundsPerSecond = this.#pace.after(board.rounds);
    }
    const { workers, joined, gone } = this.#crew.look(performance.now() / 1000);
    status.workers = workers;
    for (const { id, threads } of joined) this.#note(`${id} joined, with ${counted(threads, 'thread')}`);
    for (const id of gone) this.#note(`${id} is gone`);
    const message: ToSweepPage = { type: 'status', status };
    this.#thread.postMessage(message);
  }

  #trialOf(board: SweepBoard, place: TrialPlace): LiveTrial {
    const { trial, state, round, to, last, best } = place;
    const failed = (state === 'complete' || state === 'pruned') && typeof last !== 'number';
    const values = board.parametersOf(place).map(([, value]) => valueText(value as Parameters<typeof valueText>[0]));
    const begins = this.#begins.get(trial) ?? [0];
    return { trial, state: failed ? 'failed' : state, round, to, last, best, values, begins };
  }
}

function initialStatus(): SweepStatus {
  return {
    state: 'starting',
    trials: [],
    best: null,
    rounds: 0,
    roundsPerSecond: null,
    workers: [],
    faults: { reassignments: 0, replayed: 0, skippedRounds: 0, badWindows: 0 },
    events: [],
  };
}
