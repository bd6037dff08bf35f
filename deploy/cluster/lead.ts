/** Leads a run over NATS, and reports in the list of runs how it is doing. */
import type { Coordinator, RunEnd } from '../../coordinator/coordinator.js';
import type { RoundMeasures, RunObserver } from '../../coordinator/observer.js';
import { digestOf } from '../../shared/config.js';
import type { BusFigures } from '../operations/registry.js';
import type { LaunchOptions } from '../run/conduct.js';
import { observeAll } from '../run/progress.js';
import { type BeatFigures, Beats } from './beats.js';
import { Seat, type SeatOptions } from './seat.js';

/** Where to lead a run, and under which name. */
export interface LeadOptions extends SeatOptions {
  /** Called before the first round with the coordinator, and a function that measures the traffic of the bus. */
  onLeading?: (coordinator: Coordinator, traffic: () => BusFigures) => void;
}

/** Trains until the goal, the signal, `lopt stop`, or an error. */
export async function leadRun(lead: LeadOptions, options: LaunchOptions): Promise<RunEnd> {
  const { config, logger, signal } = options;
  const seat = await Seat.take(lead, { digest: digestOf(config), config, logger, signal });
  try {
    const stop = new AbortController();
    const progress = new Progress();
    const { registry } = seat;
    const beats = new Beats({ registry, run: lead.run, figures: () => progress.figures, onStop: () => stop.abort() });
    return await beats.during(
      seat.lead({
        ...options,
        observer: observeAll(options.observer, progress),
        signal: AbortSignal.any([signal, stop.signal]),
        onLeading(coordinator, traffic) {
          progress.workers = () => coordinator.members.length;
          lead.onLeading?.(coordinator, traffic);
        },
      }),
    );
  } finally {
    await seat.leave();
  }
}

/** How far the run is. */
class Progress implements RunObserver {
  workers = () => 0;
  readonly #known = { term: 0, round: 0, plannedRounds: 0, checked: 0 };

  get figures(): BeatFigures {
    return { ...this.#known, workers: this.workers() };
  }

  started(round: number, term: number): void {
    Object.assign(this.#known, { round, term });
  }

  planned(rounds: number): void {
    this.#known.plannedRounds = rounds;
  }

  round({ round }: { round: number }, { duplicates }: RoundMeasures): void {
    this.#known.round = round;
    this.#known.checked += duplicates;
  }
}
