/** Drives a sweep with its sampler, scheduler and trial log. A runner, passed in, runs the trials. */

import type { Parameters } from './domain.js';
import { drawsOf } from './draws.js';
import type { SweepPlan } from './plan.js';
import { samplerOf } from './samplers/registry.js';
import type { Observation, Sampler } from './samplers/sampler.js';
import { explore } from './schedulers/explore.js';
import { schedulerOf } from './schedulers/registry.js';
import type { Instruction, SchedulerSession } from './schedulers/scheduler.js';
import { SweepRecord } from './sweep-record.js';
import { newTrial, parametersOf, type Trial } from './trial.js';
import type { Ledger } from './trial-log/ledger.js';

/** A trial's report after a round. */
export interface TrialReport {
  /** The sweep's metric; null if it is not finite, for example after a divergence. */
  value: number | null;
  /** Why there is no value, if known. */
  why?: string;
}

/** Runs trials. */
export interface Runner {
  /**
   * Runs a trial from wherever it is to a round, and reports. The trial may have been there already, for example if the
   * sweep was killed before the report was written: then it gives the same report again. The last segment says which
   * state the trial starts from. A fork is requested before its parent is told to continue, but in a resumed sweep the
   * parent may have got further. A rejection ends the sweep, which can be resumed.
   */
  runTo(trial: Trial, round: number): Promise<TrialReport>;
  /** The trial is over. Called again, in the same order, when a sweep is resumed. */
  finished?(trial: Trial): void;
}

/** Observes a sweep; when it is resumed, events that happened before are repeated. */
export interface SweepObserver {
  reported?(trial: Trial, round: number, value: number | null): void;
  instructed?(instruction: Instruction): void;
}

export interface SweepOptions {
  plan: SweepPlan;
  ledger: Ledger;
  runner: Runner;
  observer?: SweepObserver;
  /** When aborted, nothing new starts, and the sweep waits for what is running. */
  signal?: AbortSignal;
}

export interface SweepResult {
  /** False if it was aborted. */
  finished: boolean;
  trials: readonly Trial[];
  /** The best of the trials that ran in full; null if there is none. */
  best: { trial: Trial; value: number } | null;
}

/** A run that was instructed on and whose report has not been taken yet. */
interface Job {
  trial: number;
  to: number;
  /** Null until the run is started; settles with its report. */
  report: Promise<Arrival> | null;
  /** The report, once it has come. */
  arrived: Arrival | null;
}

type Arrival = { report: TrialReport } | { error: unknown };

/** Runs a sweep to its end, from the start or from the end of its log. Rejects with a runner's error, or FileError. */
export function runSweep(options: SweepOptions): Promise<SweepResult> {
  return new Sweep(options).run();
}

class Sweep {
  readonly #plan: SweepPlan;
  readonly #ledger: Ledger;
  readonly #runner: Runner;
  readonly #observer: SweepObserver;
  readonly #signal: AbortSignal | undefined;
  readonly #record: SweepRecord;
  readonly #sampler: Sampler;
  readonly #scheduler: SchedulerSession;
  readonly #trials: Trial[] = [];
  readonly #observations: Observation[] = [];
  /** In the order of their instructions. */
  readonly #jobs: Job[] = [];

  constructor({ plan, ledger, runner, observer = {}, signal }: SweepOptions) {
    this.#plan = plan;
    this.#ledger = ledger;
    this.#runner = runner;
    this.#observer = observer;
    this.#signal = signal;
    this.#record = new SweepRecord(plan, ledger);
    this.#sampler = samplerOf(plan);
    this.#scheduler = schedulerOf(plan, this.#sampler.adaptive);
  }

  async run(): Promise<SweepResult> {
    this.#record.begin();
    this.#apply(this.#scheduler.begin());
    while (this.#jobs.length > 0) {
      const taken = this.#ledger.replaying ? this.#stored() : await this.#arrived();
      if (taken === null) return this.#result(false);
      this.#take(taken.job, taken.report);
    }
    const result = this.#result(true);
    this.#record.finish(result.best && { trial: result.best.trial.number, value: result.best.value });
    return result;
  }

  /** The next report in the log. */
  #stored(): { job: Job; report: TrialReport } {
    const { trial, round, ...report } = this.#ledger.peekReport();
    const candidates = this.#scheduler.synchronous ? this.#jobs.slice(0, 1) : this.#jobs;
    const job = candidates.find((candidate) => candidate.trial === trial && candidate.to === round);
    if (!job) throw this.#record.unexpected(trial, round);
    return { job, report };
  }

  /** The next report of the runner, in order of arrival or of the jobs. Null if the sweep was aborted. */
  async #arrived(): Promise<{ job: Job; report: TrialReport } | null> {
    this.#start();
    const started = this.#jobs.filter(({ report }) => report !== null);
    if (started.length === 0) return null;
    let job = this.#scheduler.synchronous ? started[0]! : started.find(({ arrived }) => arrived !== null);
    if (!job) {
      await Promise.race(started.map(({ report }) => report));
      job = started.find(({ arrived }) => arrived !== null)!;
    }
    while (job.arrived === null) {
      // meanwhile, other reports free slots for runs to start
      await Promise.race(this.#jobs.flatMap(({ report, arrived }) => (arrived === null && report ? [report] : [])));
      this.#start();
    }
    if ('report' in job.arrived) return { job, report: job.arrived.report };
    await Promise.all(started.map(({ report }) => report));
    throw job.arrived.error;
  }

  /** Starts runs while slots are free. */
  #start(): void {
    let running = this.#jobs.filter(({ report, arrived }) => report !== null && arrived === null).length;
    const failed = this.#jobs.some(({ arrived }) => arrived !== null && 'error' in arrived);
    for (const job of this.#jobs) {
      if (failed || this.#signal?.aborted || running >= this.#plan.parallel) return;
      if (job.report) continue;
      running += 1;
      job.report = this.#run(job);
    }
  }

  async #run(job: Job): Promise<Arrival> {
    try {
      job.arrived = { report: await this.#runner.runTo(this.#trials[job.trial]!, job.to) };
    } catch (error) {
      job.arrived = { error };
    }
    return job.arrived;
  }

  #take(job: Job, { value, why }: TrialReport): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
    const { trial: number, to: round } = job;
    const trial = this.#trials[number]!;
    const finite = value !== null && Number.isFinite(value) ? value : null;
    this.#record.report(number, round, finite, why);
    const cost = finite === null ? Number.POSITIVE_INFINITY : this.#plan.metric.goal === 'minimize' ? finite : -finite;
    this.#observations[number] = { number, parameters: parametersOf(trial), rounds: round, cost };
    this.#observer.reported?.(trial, round, finite);
    this.#apply(this.#scheduler.report({ trial: number, round, cost }));
  }

  #apply(instructions: readonly Instruction[]): void {
    for (const instruction of instructions) {
      this.#carryOut(instruction);
      this.#observer.instructed?.(instruction);
    }
  }

  #carryOut(instruction: Instruction): void {
    const { trial: number } = instruction;
    const trial = this.#trials[number];
    if (instruction.action === 'create') {
      const parameters = this.#sampler.ask(number, this.#observations);
      this.#record.create(parameters, instruction.to);
      this.#trials[number] = newTrial(number, this.#plan.seed, parameters, this.#plan.fixed);
      this.#observations[number] = { number, parameters, rounds: 0, cost: null };
      this.#enqueue(number, instruction.to);
      return;
    }
    if (!trial) throw new RangeError(`Cannot continue trial ${number}: it must have been created`);
    if (instruction.action === 'stop') {
      const { cost } = this.#observations[number]!;
      this.#record.stop(number, instruction.end, this.#valueOf(cost));
      this.#runner.finished?.(trial);
      return;
    }
    if (instruction.action === 'fork') {
      const { from, at, to } = instruction;
      const parent = this.#trials[from]!;
      const parameters = this.#varied(number, at, parametersOf(parent));
      const segment = parent.segments.length - 1;
      this.#record.fork(number, trial.segments.length, { from, segment, at, to }, parameters);
      const forked = { parameters, from: { trial: from, segment, round: at } };
      this.#trials[number] = { ...trial, segments: [...trial.segments, forked] };
    } else {
      this.#record.run(number, instruction.to);
    }
    this.#enqueue(number, instruction.to);
  }

  #varied(number: number, round: number, parent: Parameters): Parameters {
    const { space, seed, scheduler, mutable } = this.#plan;
    const resample = scheduler.type === 'pbt' ? scheduler.resample : 0;
    const mayChange = (name: string) => mutable.includes(name);
    return explore(space, parent, drawsOf(seed, number, `explore ${round}`), { resample, mayChange });
  }

  #enqueue(trial: number, to: number): void {
    this.#jobs.push({ trial, to, report: null, arrived: null });
  }

  /** The metric's value for a cost; null if that is not finite. */
  #valueOf(cost: number | null): number | null {
    if (cost === null || !Number.isFinite(cost)) return null;
    return this.#plan.metric.goal === 'minimize' ? cost : -cost;
  }

  #result(finished: boolean): SweepResult {
    const full = this.#observations.filter(
      ({ rounds, cost }) => rounds === this.#plan.rounds && this.#valueOf(cost) !== null,
    );
    const [best] = full.sort((a, b) => a.cost! - b.cost! || a.number - b.number);
    return {
      finished,
      trials: [...this.#trials],
      best: best ? { trial: this.#trials[best.number]!, value: this.#valueOf(best.cost)! } : null,
    };
  }
}
