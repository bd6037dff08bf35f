/** The coordinator: owns φ, recovers what a run has so far, and trains on. */
import { randomUUID } from 'node:crypto';
import type { Bus } from '../shared/bus/bus.js';
import { InconsistencyError } from '../shared/errors.js';
import type { JournalRecord } from '../shared/journal/journal.js';
import { Dispatcher, type Patience } from './dispatcher.js';
import { goBack } from './go-back.js';
import { REMEMBERED_NORMS } from './gradient-scale.js';
import type { LearnerState } from './learner.js';
import { type Recovered, recover } from './recovery.js';
import type { Member } from './roster.js';
import { Saving, type SavingOptions } from './saving.js';
import { type RunEnd, Training, type TrainingOptions } from './training.js';
import { Workforce } from './workforce.js';

export type { RunEnd } from './training.js';

export interface CoordinatorOptions extends TrainingOptions, SavingOptions {
  run: string;
  bus: Bus;
  /** φ_0. */
  phi: Float64Array;
  /** What the run begins with instead of φ_0, if its configuration says so. */
  start?: LearnerState;
  /** Drops the rounds beyond this one first, and goes on from it. */
  fromRound?: number;
  /**
   * Told the last round of the journal, undefined if it is empty, before anything is cut or written; throws if the run got
   * further. Not asked about `fromRound`.
   */
  accept?: (last: number | undefined) => void;
  /** Whether a run that goes on saves first: a store of it may lack what is to be relied on. @default false */
  saveFirst?: boolean;
  /** Whether the error of the last worker ends the run, which otherwise waits for another one. @default false */
  failWithLastWorker?: boolean;
  /** Seconds without any worker after which the run ends with an error. @default no end */
  workerTimeout?: number;
  /** Share of the shards that two workers compute; at 1, nothing counts before. @default DOUBLED_SHARE */
  doubledShare?: number;
  /** The keys of the workers that may join, by name. @default any worker may join */
  listed?: ReadonlyMap<string, string>;
  /** Of the engine that computes the run, if it is known beforehand. @default that of the first result */
  fingerprint?: string;
  /** When a worker counts as late or gone. */
  patience?: Omit<Patience, 'worker'>;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  #workers: Workforce | undefined;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** Who works on the run now. */
  get members(): readonly Member[] {
    return this.#workers?.members ?? [];
  }

  /** Recovers what the journal holds and trains until the goal, the signal, or an error. */
  async run(): Promise<RunEnd> {
    const { bus, checkpoints, fromRound, saveFirst = false, logger, observer, signal } = this.#options;
    const norms: number[] = [];
    const recovered = await this.#recover(norms);
    const { state, term } = recovered;
    await checkpoints.dropAbove(state.round);
    observer?.started?.(state.round, term);
    const saving = new Saving(this.#options, recovered);
    // after going back, what is saved elsewhere, as φ's own files, is of the rounds beyond
    if (fromRound !== undefined || (saveFirst && term > 1)) await saving.save(state);

    const workers = new Workforce({
      dispatcher: this.#dispatcherFrom(recovered, norms),
      bus,
      logger,
      observer,
      signal,
    });
    this.#workers = workers;
    try {
      const end = await workers.orFail(new Training(this.#options, recovered, workers, saving).run());
      // not if it fails: another coordinator may lead it, or soon will
      bus.toAllWorkers({ type: 'finished' });
      return end;
    } finally {
      workers.close();
    }
  }

  /**
   * What the journal and the checkpoints hold, cut back first if that was asked for.
   * @param norms gains those of the meta-gradients of the rounds that are applied again
   */
  async #recover(norms: number[]): Promise<Recovered> {
    const { journal, checkpoints, config, digest, phi, start, fromRound, accept, logger, observer } = this.#options;
    const found = await checkpoints.read(digest);
    for (const sentence of found.damaged) logger.warn(sentence);
    const usable =
      fromRound === undefined
        ? found.checkpoints
        : await goBack({ journal, checkpoints, found: found.checkpoints, phi, config }, fromRound);
    if (fromRound === undefined) accept?.(journal.last < 0 ? undefined : journal.last);
    const onRecord = (record: JournalRecord, norm: number) => {
      if (!record.skipped) norms.push(norm);
      if (norms.length > REMEMBERED_NORMS) norms.shift();
      observer?.recovered?.(record, norm);
    };
    return recover(journal, usable, phi, config, onRecord, start);
  }

  /** Throws InconsistencyError if the run was begun by another engine than the one that is asked for. */
  #dispatcherFrom({ state, term }: Recovered, norms: readonly number[]): Dispatcher {
    const { run, config, digest, failWithLastWorker, doubledShare, listed, fingerprint, patience, workerTimeout } =
      this.#options;
    if (fingerprint !== undefined && state.fingerprint !== null && fingerprint !== state.fingerprint) {
      throw new InconsistencyError(
        `Cannot go on with the run: "fingerprint" must be the run's, "${state.fingerprint}", got "${fingerprint}"`,
      );
    }
    return new Dispatcher({
      run,
      config,
      digest,
      term,
      state: { ...state, fingerprint: state.fingerprint ?? fingerprint ?? null },
      coordinator: randomUUID(),
      failWithLastWorker,
      doubledShare,
      listed,
      norms,
      patience: { ...patience, worker: workerTimeout },
    });
  }
}
