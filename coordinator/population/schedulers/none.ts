/** Every trial runs to the end. */
import { createTrials, type Scheduler } from './scheduler.js';

export interface NoneOptions {
  trials: number;
  rounds: number;
  /** Trials created in advance: with an adaptive sampler, trial n is proposed once trial n − ahead is over. */
  ahead: number;
}

/** The state is the number of trials created. */
export function runAll({ trials, rounds, ahead }: NoneOptions): Scheduler<number> {
  return {
    synchronous: true,
    init() {
      const count = Math.min(trials, ahead);
      return { state: count, instructions: createTrials(0, count, rounds) };
    },
    report: (created, { trial }) => ({
      state: Math.min(created + 1, trials),
      instructions: [
        { action: 'stop', trial, end: 'complete' },
        ...createTrials(created, Math.min(trials - created, 1), rounds),
      ],
    }),
  };
}
