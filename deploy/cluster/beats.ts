/** Says in the registry how a run is doing, and looks there whether it is to end. */
import type { RunBeat, RunRegistry } from '../../shared/nats/run-registry.js';

/** What is said, but for what the beats know themselves. */
export type BeatFigures = Omit<RunBeat, 'at' | 'state'>;

export interface BeatsOptions {
  registry: RunRegistry;
  run: string;
  /** How the run is doing now. */
  figures: () => BeatFigures;
  /** Told that somebody asked the run to end. */
  onStop: () => void;
}

const BEAT_MS = 1000;

export class Beats {
  readonly #options: BeatsOptions;
  #busy = false;

  constructor(options: BeatsOptions) {
    this.#options = options;
  }

  /** Beats while the work goes on; says at the end how it ended. */
  async during<End extends { interrupted: boolean }>(work: Promise<End>): Promise<End> {
    const timer = setInterval(() => void this.#look(), BEAT_MS);
    try {
      const end = await work;
      await this.#say(end.interrupted ? 'interrupted' : 'finished');
      return end;
    } catch (error) {
      await this.#say('failed').catch(() => {}); // the error says more
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async #look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { registry, run, onStop } = this.#options;
    try {
      await this.#say('running');
      if (await registry.stopRequested(run)) onStop();
    } catch {
      // the registry is for people: the run does not depend on it
    } finally {
      this.#busy = false;
    }
  }

  async #say(state: RunBeat['state']): Promise<void> {
    const { registry, run, figures } = this.#options;
    await registry.beat(run, { ...figures(), state });
  }
}
