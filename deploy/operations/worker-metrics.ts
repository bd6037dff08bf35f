/** The metrics of a worker. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AnnounceMessage } from '../../shared/messages.js';
import type { ComputedMeasures, WorkerObserver } from '../../worker/observer.js';
import { BuildInfo, createRegistry, ROUND_SECONDS } from './registry.js';
import type { Check } from './server.js';

/** The figures of a pool, read at every scrape. */
export interface WatchedPool {
  readonly threads: number;
  /** Threads that died so far. */
  readonly lost: number;
}

export class WorkerMetrics implements WorkerObserver {
  readonly registry: Registry = createRegistry();
  readonly #build = new BuildInfo(this.registry);
  readonly #windows = this.#counter('lopt_worker_windows_total', 'Windows computed, excluding replays.');
  readonly #replayed = this.#counter(
    'lopt_worker_replayed_windows_total',
    'Windows replayed to take over shards from another worker or a lost thread.',
  );
  readonly #shards = this.#gauge('lopt_worker_shards', 'Shards that the worker advances.');
  readonly #round = this.#gauge('lopt_worker_round', 'The last round for which the worker has computed its part.');
  readonly #seconds = new Histogram({
    name: 'lopt_worker_round_duration_seconds',
    help: "Duration of the worker's part of a round, from φ to its sums, including replays.",
    labelNames: ['run'],
    buckets: ROUND_SECONDS,
    registers: [this.registry],
  });
  #run: string | undefined;

  constructor(pool: WatchedPool) {
    new Gauge({
      name: 'lopt_worker_threads',
      help: 'Threads that compute.',
      registers: [this.registry],
      collect() {
        this.set(pool.threads);
      },
    });
    new Counter({
      name: 'lopt_worker_lost_threads_total',
      help: 'Threads that died and were replaced.',
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(pool.lost);
      },
    });
  }

  /** Readiness check: it works for a run. */
  readonly joined: Check = () => (this.#run === undefined ? 'it works for no run' : undefined);

  ordered({ run, config }: AnnounceMessage, shards: number): void {
    if (run !== this.#run) {
      this.released();
      this.#run = run;
      this.#build.engine = config.engine;
      this.#windows.inc({ run }, 0);
      this.#replayed.inc({ run }, 0);
    }
    this.#shards.set({ run }, shards);
  }

  computed(round: number, { windows, replayed, seconds }: ComputedMeasures): void {
    // a round that was under way when the run ended
    if (this.#run === undefined) return;
    const labels = { run: this.#run };
    this.#windows.inc(labels, windows);
    this.#replayed.inc(labels, replayed);
    this.#round.set(labels, round);
    this.#seconds.observe(labels, seconds);
  }

  released(): void {
    this.#run = undefined;
    this.#shards.reset();
    this.#round.reset();
  }

  #counter(name: string, help: string): Counter<'run'> {
    return new Counter({ name, help, labelNames: ['run'], registers: [this.registry] });
  }

  #gauge(name: string, help: string): Gauge<'run'> {
    return new Gauge({ name, help, labelNames: ['run'], registers: [this.registry] });
  }
}
