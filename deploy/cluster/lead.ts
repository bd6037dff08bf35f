/** Leads a run over NATS, and says in the list of runs how it is doing. */
import type { Coordinator, RunEnd } from '../../coordinator/coordinator.js';
import type { RunObserver } from '../../coordinator/observer.js';
import { digestOf } from '../../shared/config.js';
import type { BusFigures } from '../operations/registry.js';
import type { LaunchOptions } from '../run/conduct.js';
import { observeAll } from '../run/progress.js';
import { type BeatFigures, Beats } from './beats.js';
import { Seat, type SeatOptions } from './seat.js';

/** Where and as whom a run is led. */
export interface LeadOptions extends SeatOptions {
  /** Told of what goes over the bus, once there is one, and of who works. */
  onLeading?: (coordinator: Coordinator, traffic: () => BusFigures) => void;
}

/** Trains until the goal, the signal, `lopt stop`, or an error. */
export async function leadRun(lead: LeadOptions, options: LaunchOptions): Promise<RunEnd> {
  const { config, logger, signal } = options;
  const seat = await Seat.take(lead, { digest: digestOf(config), config, logger, signal });
  try {
    const stop = new AbortController();
    const place = new Place();
    const { registry } = seat;
    const beats = new Beats({ registry, run: lead.run, figures: () => place.figures, onStop: () => stop.abort() });
    return await beats.during(
      seat.lead({
        ...options,
        observer: observeAll(options.observer, place),
        signal: AbortSignal.any([signal, stop.signal]),
        onLeading(coordinator, traffic) {
          place.workers = () => coordinator.members.length;
          lead.onLeading?.(coordinator, traffic);
        },
      }),
    );
  } finally {
    await seat.leave();
  }
}

/** Where the run is. */
class Place implements RunObserver {
  workers = () => 0;
  readonly #known = { term: 0, round: 0, plannedRounds: 0 };

  get figures(): BeatFigures {
    return { ...this.#known, workers: this.workers() };
  }

  started(round: number, term: number): void {
    Object.assign(this.#known, { round, term });
  }

  planned(rounds: number): void {
    this.#known.plannedRounds = rounds;
  }

  round({ round }: { round: number }): void {
    this.#known.round = round;
  }
}
