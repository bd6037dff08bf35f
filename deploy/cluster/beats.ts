/** Reports in the registry how a run is doing, and checks there whether it was asked to end. */
import type { RunBeat, RunRegistry } from '../../shared/nats/run-registry.js';

/** What a beat reports, except for what `Beats` adds. */
export type BeatFigures = Omit<RunBeat, 'at' | 'state'>;

export interface BeatsOptions {
  registry: RunRegistry;
  run: string;
  /** How the run is doing now. */
  figures: () => BeatFigures;
  /** Called when somebody asked the run to end. */
  onStop: () => void;
}

const BEAT_MS = 1000;

export class Beats {
  readonly #options: BeatsOptions;
  #busy = false;

  constructor(options: BeatsOptions) {
    this.#options = options;
  }

  /** Beats while the work goes on, and reports how it ended. */
  async during<End extends { interrupted: boolean }>(work: Promise<End>): Promise<End> {
    const timer = setInterval(() => void this.#tick(), BEAT_MS);
    try {
      const end = await work;
      await this.#report(end.interrupted ? 'interrupted' : 'finished');
      return end;
    } catch (error) {
      await this.#report('failed').catch(() => {}); // the error says more
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async #tick(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { registry, run, onStop } = this.#options;
    try {
      await this.#report('running');
      if (await registry.stopRequested(run)) onStop();
    } catch {
      // the registry is only for people: the run does not depend on it
    } finally {
      this.#busy = false;
    }
  }

  async #report(state: RunBeat['state']): Promise<void> {
    const { registry, run, figures } = this.#options;
    await registry.beat(run, { ...figures(), state });
  }
}
