/** Runs the trials of a sweep: each segment is a run with its own folder, digest, journal and checkpoints. */
import { setMaxListeners } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { Coordinator, RunEnd } from '../../coordinator/coordinator.js';
import { forkedLearner, forkPointOf, type RunState, readRunState, writeRunState } from '../../coordinator/fork.js';
import type { RunObserver } from '../../coordinator/observer.js';
import { EventFiles } from '../../coordinator/report/event-files.js';
import { MetricsFile } from '../../coordinator/report/metrics.js';
import { type EvaluationRow, type RoundRow, RunReport } from '../../coordinator/report/report.js';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { sameArchitecture } from '../../shared/architectures/registry.js';
import { digestOf, initialPhiOf, type RunConfig } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import type { PooledOptions } from '../run/embedded.js';
import { FolderGuard } from '../run/folder-guard.js';
import { observeAll } from '../run/progress.js';
import { RunFolder, type StoredRun } from '../run/run-folder.js';
import type { ServerPlace } from '../run/run-record.js';
import { configure, type Flags } from '../run/train-flags.js';
import { memberOf, nameOf, type Segment, SegmentFolder } from './segment.js';

/** A segment's result after a round. */
export interface SegmentReport {
  /** Less than requested if the sweep was interrupted. */
  round: number;
  interrupted: boolean;
  /** The rows of metrics.jsonl up to the round, in order; unless interrupted, the last evaluation is of that round. */
  rows: readonly (RoundRow | EvaluationRow)[];
}

export interface TrialRunnerOptions {
  /** The sweep's folder. */
  out: string;
  problem: string;
  /** Flags that all trials share, including the seed. */
  flags: Flags;
  /** Rounds of a trial that runs in full: its learning rate is scheduled for them. */
  rounds: number;
  /** Whether the state at every pause is kept, for forks. */
  forks: boolean;
  /** Segments that run concurrently. */
  parallel: number;
  /** Computes a run. */
  train(options: PooledOptions): Promise<RunEnd>;
  /** The command that goes on with the sweep. */
  resume: string;
  /** Where the segments' journals are, if not in their folders alone. */
  server?: ServerPlace | undefined;
  logger: Logger;
  /** Stops running segments after their open round. */
  signal: AbortSignal;
  /** Makes an observer for a segment that runs to a round. */
  observe?: (segment: Segment, to: number) => RunObserver;
  /** Called with the coordinator when a segment starts to run, and with null when it stops. */
  onLed?: (segment: Segment, leader: Pick<Coordinator, 'members'> | null) => void;
}

const TASK = 'Cannot sweep';

/** Seconds between checkpoints over all segments; each segment is saved when its turn comes. */
const CHECKPOINT_SECONDS = 5;

export class TrialRunner {
  readonly #options: TrialRunnerOptions;

  constructor(options: TrialRunnerOptions) {
    this.#options = options;
    // every running segment adds a listener
    setMaxListeners(0, options.signal);
  }

  /** The configuration of a segment. Throws UsageError if its flags make none. */
  async configOf(segment: Segment): Promise<RunConfig> {
    const { problem } = this.#options;
    const { config } = await configure(`${TASK}, trial ${segment.trial}`, problem, this.#flagsOf(segment));
    if (!segment.from) return config;
    return { ...config, start: forkPointOf(this.#parentOf(segment.from)) };
  }

  /**
   * Runs a segment from wherever it is to a round, and evaluates φ there. Rounds computed earlier, by this process or
   * another, are not repeated. The bits depend on the segment alone, not on its pauses or on other trials.
   */
  async runTo(segment: Segment, round: number, known?: RunConfig): Promise<SegmentReport> {
    const { out, rounds, forks, parallel, train, resume, server, logger, signal, observe, onLed } = this.#options;
    const folder = new SegmentFolder(out, segment);
    const config = known ?? (await this.configOf(segment));
    const runFolder = new RunFolder(folder.path);
    const stored = this.#store(segment, runFolder, config);
    if (folder.pauses.includes(round)) return { round, interrupted: false, rows: rowsUpTo(round, folder) };
    const start = segment.from ? forkedLearner(this.#parentOf(segment.from).learner) : undefined;
    if (segment.from && !sameArchitecture(this.#architectureOf(segment.from), config.architecture)) {
      throw new UsageError(
        `${TASK}, trial ${segment.trial}: it must have the architecture of trial ${segment.from.trial}`,
      );
    }
    const files = [new MetricsFile(runFolder.metrics), new EventFiles(folder.path, config.architecture)];
    const report = new RunReport(files, runFolder.previous);
    const otherwise = () => ['sweep into another folder'];
    const guard = new FolderGuard({ folder: runFolder, config, resume, server, otherwise });
    const watcher = observe?.(segment, round);
    let end: RunEnd;
    try {
      end = await train({
        folder: folder.path,
        config,
        phi: initialPhiOf(config),
        ...(start ? { start } : {}),
        goal: { rounds, until: round },
        checkpointSeconds: CHECKPOINT_SECONDS * parallel,
        logger: prefixed(logger, `trial ${nameOf(segment)}`),
        accept: guard.accept,
        observer: observeAll(report, guard, ...(watcher ? [watcher] : [])),
        onLeading: (leader) => onLed?.(segment, leader),
        signal,
      });
    } finally {
      onLed?.(segment, null);
      report.close();
    }
    if (!end.interrupted) {
      runFolder.writePhis(config, end.best, new Float32Array(end.state.phi));
      if (forks) writeRunState(folder.stateAt(round), { digest: stored.digest, learner: end.state });
      folder.paused(round);
    }
    return { round: end.state.round, interrupted: end.interrupted, rows: rowsUpTo(round, folder) };
  }

  /** The flags of `lopt train` for a segment, if it were not a fork. */
  #flagsOf(segment: Segment): Flags {
    const member = memberOf(segment);
    return { ...this.#options.flags, ...segment.flags, ...(member === 0 ? {} : { member }) };
  }

  #architectureOf({ round: _round, ...id }: NonNullable<Segment['from']>): ArchitectureConfig {
    return new RunFolder(new SegmentFolder(this.#options.out, id).path).open().config.architecture;
  }

  #parentOf({ round, ...id }: NonNullable<Segment['from']>): RunState {
    return readRunState(new SegmentFolder(this.#options.out, id).stateAt(round));
  }

  /** Creates or opens the segment's folder. Throws UsageError if it holds another run. */
  #store(segment: Segment, folder: RunFolder, config: RunConfig): StoredRun {
    const digest = digestOf(config);
    const stored: StoredRun = { config, digest, goal: { rounds: this.#options.rounds }, flags: this.#flagsOf(segment) };
    if (!existsSync(folder.path)) folder.create(stored, undefined);
    else if (folder.begun && folder.open('Cannot continue').digest !== digest) {
      throw new UsageError(`Cannot continue ${folder.path}: it must hold trial ${segment.trial} of this sweep`);
    } else folder.store(stored);
    return stored;
  }
}

/** The rows of a segment's metrics up to a round. */
function rowsUpTo(round: number, { path }: SegmentFolder): (RoundRow | EvaluationRow)[] {
  const { metrics } = new RunFolder(path);
  if (!existsSync(metrics)) return [];
  const rows = readFileSync(metrics, 'utf8').split('\n').flatMap(rowOf);
  return rows.filter((row) => ('evaluation' in row ? row.evaluation : row.round) <= round);
}

/** A line's row; empty for a torn line, which a killed process may leave. */
function rowOf(line: string): (RoundRow | EvaluationRow)[] {
  try {
    return [JSON.parse(line) as RoundRow | EvaluationRow];
  } catch {
    return [];
  }
}

/** Prefixes log lines with the trial. */
function prefixed(logger: Logger, prefix: string): Logger {
  return {
    info: (text, fields) => logger.info(`${prefix}: ${text}`, fields),
    warn: (text, fields) => logger.warn(`${prefix}: ${text}`, fields),
    error: (text, fields) => logger.error(`${prefix}: ${text}`, fields),
  };
}
