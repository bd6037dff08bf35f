/** What is measured, and what the processes of a measurement tell each other. */

import { configure } from '../../../deploy/run/train-flags.js';
import type { RunConfig } from '../../../shared/config.js';
import type { Logger } from '../../../shared/logger.js';
import type { Part } from './profile.js';
import type { WindowTimes } from './simulated-pool.js';

export interface Scenario extends WindowTimes {
  name: string;
  workers: number;
  shards: number;
  /** Whether workers pre-add, as they do. */
  preAdded: boolean;
  /** Rounds that are measured, and those after them that are profiled. */
  rounds: number;
  profiled: number;
}

/** Rounds before anything is measured: every worker has come, and the code is compiled. */
export const WARM_ROUNDS = 20;

/** What a coordinator's process is started with. */
export interface CoordinatorTask {
  url: string;
  scenario: Scenario;
}

/** What a process of workers is started with. */
export interface WorkersTask extends CoordinatorTask {
  /** Workers [first, end). */
  first: number;
  end: number;
}

/** Of the coordinator's process, in its measured rounds. */
export interface CoordinatorFigures {
  firstRound: number;
  /** Wall milliseconds of every round, from one φ to the next. */
  roundMs: number[];
  /** Milliseconds of processor time, all threads of the process. */
  cpuMs: number;
  receivedBytes: number;
  sentBytes: number;
  receivedMessages: number;
  /** Shares of the processor time, from a sampling profile of the profiled rounds. */
  parts: Record<Part, number>;
  /** Bytes after a garbage collection, at intervals over all rounds. */
  memory: { round: number; rss: number; heap: number; buffers: number }[];
  /** sha256 of φ, by round. */
  phis: Record<number, string>;
}

/** What the coordinator's process says. */
export type FromCoordinator = { measuring: number } | { measured: number } | { figures: CoordinatorFigures };

/** What a process of workers says: that it listens, or, when asked, the slowest windows of each round in milliseconds. */
export type FromWorkers = { ready: true } | { slowest: [round: number, ms: number][] };

/** The configuration of a scenario: φ has 5 141 entries, and two windows are an episode. */
export async function configOf({ shards }: Scenario): Promise<RunConfig> {
  const flags = { shards, problems: 1, horizon: 40, unroll: 20, 'evaluate-every': 2 ** 30, 'evaluate-functions': 1 };
  return (await configure('Cannot measure', 'quadratic', flags)).config;
}

/** Whatever goes wrong falsifies the figures, and is shown. */
export const complaints: Logger = {
  info: () => {},
  warn: (line) => process.stderr.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
};
