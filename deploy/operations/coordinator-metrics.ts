/** The metrics of a coordinator. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Scores } from '../../coordinator/evaluation.js';
import type { LearnerState } from '../../coordinator/learner.js';
import type { RoundMeasures, RunObserver } from '../../coordinator/observer.js';
import type { Member } from '../../coordinator/roster.js';
import type { RunConfig } from '../../shared/config.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { EpisodeLoss } from '../run/episode-loss.js';
import { BuildInfo, createRegistry, ROUND_SECONDS } from './registry.js';
import type { Check } from './server.js';

/** The run to measure. */
export interface MeasuredRun {
  run: string;
  config: RunConfig;
}

const WORKER_STATES = ['computing', 'idle', 'late'] as const;
const REASSIGNMENT_REASONS = ['left', 'silent', 'late', 'banned'] as const;

/** The state of a coordinator; `standing by` waits for another one that leads. */
type Role = 'starting' | 'standing by' | 'leading' | 'ended';

/** Observes a run. Its owner also calls `standBy`, `watch` and `ended`, which the run itself cannot. */
export class CoordinatorMetrics implements RunObserver {
  readonly registry: Registry = createRegistry();
  readonly #labels: { run: string };
  readonly #metaLoss: EpisodeLoss;
  readonly #shards: number;
  #members: () => readonly Member[] = () => [];
  #role: Role = 'starting';

  readonly #leader = this.#gauge('lopt_leader', '1 if this coordinator leads its run, 0 if it stands by.');
  readonly #term = this.#gauge('lopt_term', 'Term of the coordinator, counted up at every take-over.');
  readonly #round = this.#gauge('lopt_round', 'The newest round.');
  readonly #planned = this.#gauge('lopt_planned_rounds', 'Planned number of rounds, once it is fixed.');
  readonly #savedRound = this.#gauge('lopt_checkpoint_round', 'Round of the newest checkpoint.');
  readonly #rounds = this.#counter('lopt_rounds_total', 'Rounds completed by this process.');
  readonly #skipped = this.#counter(
    'lopt_skipped_rounds_total',
    'Rounds that left φ unchanged, for lack of a healthy problem or a finite sum.',
  );
  readonly #seconds = new Histogram({
    name: 'lopt_round_duration_seconds',
    help: "Duration of a round, from φ's broadcast to the complete sum.",
    labelNames: ['run'],
    buckets: ROUND_SECONDS,
    registers: [this.registry],
  });
  readonly #ownSeconds = this.#counter(
    'lopt_coordinator_work_seconds_total',
    "Seconds of the coordinator's own work in the rounds.",
  );
  readonly #runShards = this.#gauge(
    'lopt_shards',
    'Shards of the run that this coordinator leads; 0 if it leads none.',
  );
  readonly #reassignments = new Counter({
    name: 'lopt_reassignments_total',
    help: "How often a worker's shards went to others, by reason.",
    labelNames: ['run', 'reason'],
    registers: [this.registry],
  });
  readonly #replayed = this.#counter('lopt_replayed_windows_total', 'Windows that workers computed again.');
  readonly #duplicates = this.#counter(
    'lopt_duplicates_checked_total',
    'Sums that two workers computed, with equal bits.',
  );
  readonly #banned = this.#counter(
    'lopt_banned_workers_total',
    'Workers banned for computing different bits from the others.',
  );
  readonly #loss = this.#gauge('lopt_meta_loss', 'Mean over problems of the losses summed through the last episode.');
  readonly #rate = this.#gauge('lopt_learning_rate', 'Learning rate of the last outer step.');
  readonly #norm = this.#gauge('lopt_gradient_norm', 'Norm of the last averaged meta-gradient, before clipping.');
  readonly #bad = this.#gauge('lopt_bad_problems', 'Problems of the last round that blew up and contributed zero.');
  readonly #heldOut = new Gauge({
    name: 'lopt_held_out_loss',
    help: 'Mean over held-out functions of the newest evaluation: "sum" over the steps, "final" after the last.',
    labelNames: ['run', 'statistic'],
    registers: [this.registry],
  });
  readonly #heldOutRound = this.#gauge('lopt_held_out_round', 'Round of the newest held-out evaluation.');

  constructor({ run, config }: MeasuredRun) {
    this.#labels = { run };
    this.#metaLoss = new EpisodeLoss(config);
    this.#shards = config.shards;
    new BuildInfo(this.registry).engine = config.engine;
    this.#runInfo(run, config.problem);
    this.#workerGauges();
    const counted = [this.#rounds, this.#skipped, this.#ownSeconds, this.#replayed, this.#duplicates, this.#banned];
    for (const counter of counted) {
      counter.inc(this.#labels, 0);
    }
    for (const reason of REASSIGNMENT_REASONS) this.#reassignments.inc({ run, reason }, 0);
    this.#become('starting');
  }

  /** Readiness check: it leads the run or stands by to do so. */
  readonly inCharge: Check = () =>
    this.#role === 'leading' || this.#role === 'standing by' ? undefined : `it is ${this.#role}`;

  /** Another coordinator leads. */
  standBy(): void {
    this.#become('standing by');
  }

  /** Takes the workers of the run from this coordinator from now on. */
  watch(coordinator: { readonly members: readonly Member[] }): void {
    this.#members = () => coordinator.members;
  }

  /** The run is no longer led here. */
  ended(): void {
    this.#members = () => [];
    this.#become('ended');
  }

  started(round: number, term: number): void {
    this.#become('leading');
    this.#term.set(this.#labels, term);
    this.#round.set(this.#labels, round);
  }

  planned(rounds: number): void {
    this.#planned.set(this.#labels, rounds);
  }

  round(record: JournalRecord, measures: RoundMeasures): void {
    const labels = this.#labels;
    this.#round.set(labels, record.round);
    this.#rounds.inc(labels);
    if (record.skipped) this.#skipped.inc(labels);
    this.#seconds.observe(labels, measures.seconds);
    this.#ownSeconds.inc(labels, measures.coordinatorSeconds);
    this.#replayed.inc(labels, measures.replayed);
    this.#duplicates.inc(labels, measures.duplicates);
    this.#rate.set(labels, record.learningRate);
    this.#norm.set(labels, measures.metaGradientNorm);
    this.#bad.set(labels, record.problems - record.healthy);
    this.#metaLoss.add(record);
    if (this.#metaLoss.last !== undefined) this.#loss.set(labels, this.#metaLoss.last);
  }

  evaluated(round: number, { sum, final }: Scores): void {
    this.#heldOutRound.set(this.#labels, round);
    this.#heldOut.set({ ...this.#labels, statistic: 'sum' }, sum.mean ?? Number.NaN);
    this.#heldOut.set({ ...this.#labels, statistic: 'final' }, final.mean ?? Number.NaN);
  }

  saved({ round, plannedRounds }: LearnerState): void {
    this.#savedRound.set(this.#labels, round);
    // a resumed run was planned before
    if (plannedRounds !== null) this.#planned.set(this.#labels, plannedRounds);
  }

  reassigned(_worker: string, reason: (typeof REASSIGNMENT_REASONS)[number]): void {
    this.#reassignments.inc({ ...this.#labels, reason });
  }

  banned(): void {
    this.#banned.inc(this.#labels);
  }

  #become(role: Role): void {
    this.#role = role;
    this.#leader.set(this.#labels, role === 'leading' ? 1 : 0);
    this.#runShards.set(this.#labels, role === 'leading' ? this.#shards : 0);
  }

  #runInfo(run: string, problem: string): void {
    const info = new Gauge({
      name: 'lopt_run_info',
      help: 'Always 1; the labels say what the run trains on.',
      labelNames: ['run', 'problem'],
      registers: [this.registry],
    });
    info.set({ run, problem }, 1);
  }

  /** Gauges of the run's members, counted at every scrape. */
  #workerGauges(): void {
    const { run } = this.#labels;
    const membersOf = () => this.#members();
    new Gauge({
      name: 'lopt_workers',
      help: 'Workers of the run: "computing", "idle" without shards, or "late" and so given fewer.',
      labelNames: ['run', 'state'],
      registers: [this.registry],
      collect() {
        const states = membersOf().map(workerState);
        for (const state of WORKER_STATES) this.set({ run, state }, states.filter((each) => each === state).length);
      },
    });
    new Gauge({
      name: 'lopt_threads',
      help: 'Threads of all workers of the run.',
      labelNames: ['run'],
      registers: [this.registry],
      collect() {
        this.set(
          { run },
          membersOf().reduce((sum, { threads }) => sum + threads, 0),
        );
      },
    });
  }

  #counter(name: string, help: string): Counter<'run'> {
    return new Counter({ name, help, labelNames: ['run'], registers: [this.registry] });
  }

  #gauge(name: string, help: string): Gauge<'run'> {
    return new Gauge({ name, help, labelNames: ['run'], registers: [this.registry] });
  }
}

/** The state of a worker as its coordinator sees it. */
export function workerState({ ranges, weight, threads }: Member): (typeof WORKER_STATES)[number] {
  if (weight < threads) return 'late';
  return ranges.length === 0 ? 'idle' : 'computing';
}
