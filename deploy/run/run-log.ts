/** A run's log: now and then a record with figures as fields. */

import type { Reassignment } from '../../coordinator/actions.js';
import type { Scores } from '../../coordinator/evaluation.js';
import type { RoundMeasures, RunObserver } from '../../coordinator/observer.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import type { Logger } from '../../shared/logger.js';
import { EpisodeLoss } from './episode-loss.js';

/** Options of a run's log. */
export interface RunLogOptions {
  logger: Logger;
  config: ConstructorParameters<typeof EpisodeLoss>[0];
  /** Seconds between records of rounds. @default 10 */
  everySeconds?: number;
  /** Seconds of a monotonic clock. @default the process's */
  now?: () => number;
}

export class RunLog implements RunObserver {
  readonly #logger: Logger;
  readonly #metaLoss: EpisodeLoss;
  readonly #everySeconds: number;
  readonly #now: () => number;
  #last: { round: number; at: number };
  /** Nodes that two workers computed, with equal bits. */
  #duplicates = 0;

  constructor({ logger, config, everySeconds = 10, now = () => performance.now() / 1000 }: RunLogOptions) {
    this.#logger = logger;
    this.#metaLoss = new EpisodeLoss(config);
    this.#everySeconds = everySeconds;
    this.#now = now;
    this.#last = { round: 0, at: now() };
  }

  started(round: number, term: number): void {
    this.#last = { round, at: this.#now() };
    this.#logger.info('The run goes on', { round, term });
  }

  planned(rounds: number): void {
    this.#logger.info('The rounds are planned', { rounds });
  }

  grown(round: number, horizon: number): void {
    this.#logger.info('The horizon has grown', { round, horizon });
  }

  round(record: JournalRecord, { workers, replayed, duplicates }: RoundMeasures): void {
    this.#duplicates += duplicates;
    this.#metaLoss.add(record);
    const { round, healthy, problems } = record;
    const now = this.#now();
    const seconds = now - this.#last.at;
    if (seconds < this.#everySeconds) return;
    const { last: metaLoss } = this.#metaLoss;
    this.#logger.info('The run makes progress', {
      round,
      roundsPerSecond: (round - this.#last.round) / seconds,
      ...(metaLoss === undefined ? {} : { metaLoss }),
      workers,
      replayed,
      badProblems: problems - healthy,
      duplicatesChecked: this.#duplicates,
    });
    this.#last = { round, at: now };
  }

  evaluated(round: number, { sum, final, divergenceRate }: Scores): void {
    this.#logger.info('A held-out evaluation is done', {
      round,
      sum: sum.mean,
      final: final.mean,
      divergenceRate,
    });
  }

  waiting(): void {
    this.#logger.warn('The run waits for a worker');
  }

  reassigned(worker: string, reason: Reassignment): void {
    this.#logger.info('Shards went to other workers', { worker, reason });
  }
}
