/** Conducts a sweep from its start to its closing lines, wherever its trials are computed. */
import type { RunEnd } from '../../coordinator/coordinator.js';
import { runSweep, type SweepObserver, type SweepResult } from '../../coordinator/population/sweep.js';
import { Ledger } from '../../coordinator/population/trial-log/ledger.js';
import type { RunConfig } from '../../shared/config.js';
import type { Logger } from '../../shared/logger.js';
import type { SweepLivePage } from '../live/sweep/sweep-live.js';
import type { PooledOptions } from '../run/embedded.js';
import { EXIT } from '../run/exit.js';
import { clock, observeAll } from '../run/progress.js';
import { command } from '../run/repeat.js';
import type { ServerPlace } from '../run/run-record.js';
import { untilStopped } from '../run/stop-signal.js';
import { configure } from '../run/train-flags.js';
import { againCommands, runFolderOf } from './again.js';
import { SweepBoard } from './board.js';
import { InterruptedError, PlanRunner, segmentOf } from './plan-runner.js';
import type { PreparedSweep } from './prepare-sweep.js';
import { TrialRunner } from './runner.js';
import { writeSweepReport } from './sweep-report.js';
import { SweepTable } from './table.js';

/** How a sweep ended. */
export interface SweepEnd {
  interrupted: boolean;
  /** Undefined if it was interrupted. */
  result: SweepResult | undefined;
}

/** Runs a sweep's trials with `train`, until the signal is aborted. */
export type SweepWork = (train: (options: PooledOptions) => Promise<RunEnd>, signal: AbortSignal) => Promise<SweepEnd>;

/** Passed to a launcher of sweeps. */
export interface SweepContext {
  board: SweepBoard;
  /** Configuration of a trial that sets no parameters. */
  config: RunConfig;
  logger: Logger;
  signal: AbortSignal;
}

export interface ConductSweep {
  /** Part of the first line, as in `with 2 threads`. */
  how: string;
  launch(context: SweepContext, work: SweepWork): Promise<SweepEnd>;
  /** The command that resumes the sweep if it is interrupted. */
  resumeCommand: string;
  /** Where the trials' journals are, if a server has them. */
  server?: ServerPlace;
  /** A live page that shows the sweep. */
  page?: SweepLivePage | undefined;
}

const TASK = 'Cannot sweep';

/** Returns the exit code. */
export async function conductSweep(
  { folder, plan, stored, flags }: PreparedSweep,
  { how, launch, resumeCommand, server, page }: ConductSweep,
): Promise<number> {
  const { config } = await configure(TASK, stored.problem, { ...flags, seed: stored.seed });
  const ledger = new Ledger(folder.log);
  const board = new SweepBoard(plan);
  const table = new SweepTable(process.stdout, board);
  const say = (line: string) => table.say(line);
  const logger: Logger = { info: say, warn: say, error: say };
  page?.watch(board, () => ledger.replaying);
  board.onWaiting = () => say('Waiting for a worker.');
  const startedAt = performance.now();
  say(`Sweeping ${stored.problem}: ${plan.trials} trials ${how}, into ${folder.path}`);
  if (ledger.cut > 0) say(`The last line of ${folder.log} was cut short and will be rewritten`);
  const work = async (signal: AbortSignal, train: Parameters<SweepWork>[0]): Promise<SweepEnd> => {
    const fail = new AbortController();
    const trials = new TrialRunner({
      out: folder.path,
      problem: stored.problem,
      flags,
      rounds: plan.rounds,
      forks: plan.scheduler.type === 'pbt',
      parallel: plan.parallel,
      train,
      resume: resumeCommand,
      server,
      logger,
      signal: AbortSignal.any([signal, fail.signal]),
      observe: (segment, to) => observeAll(board.observe(segment, to), ...(page ? [page.observe(segment, to)] : [])),
      ...(page ? { onLed: (segment, leader) => page.led(segment, leader) } : {}),
    });
    const runner = new PlanRunner({ plan, out: folder.path, trials, onFailed: () => fail.abort() });
    try {
      const result = await runSweep({ plan, ledger, runner, observer: bothOf(board, page), signal });
      return { interrupted: !result.finished, result };
    } catch (error) {
      if (runner.failure !== undefined) throw runner.failure;
      if (!(error instanceof InterruptedError)) throw error;
      return { interrupted: true, result: undefined };
    }
  };
  let end: SweepEnd;
  try {
    end = await untilStopped({ say, open: 'the open rounds', resumeCommand }, (signal) =>
      launch({ board, config, logger, signal }, (train, stop) => work(stop, train)),
    );
  } finally {
    table.close();
    ledger.close();
  }
  if (end.interrupted) {
    await writeSweepReport(folder, resumeCommand);
    say(`Stopped; resume with: ${resumeCommand}`);
    return EXIT.interrupted;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await writeSweepReport(folder, resumeCommand);
  for (const line of closingLines(folder.path, end.result!, plan.metric.name, seconds)) say(line);
  say(`Curves, parameters and trials: ${folder.report}`);
  return EXIT.done;
}

/** Notifies the board first, since the page reads the trials from it. */
function bothOf(board: SweepBoard, page: SweepLivePage | undefined): SweepObserver {
  return {
    reported: (...report) => board.reported(...report),
    instructed: (instruction) => {
      board.instructed(instruction);
      page?.instructed(instruction);
    },
  };
}

/** The closing lines of a completed sweep. */
function closingLines(out: string, { trials, best }: SweepResult, metric: string, seconds: number): string[] {
  const first = `Swept ${trials.length} trials in ${clock(seconds)}`;
  if (!best) return [`${first}; none that ran in full has a finite ${metric}`];
  const { trial, value } = best;
  const parameters = Object.entries(trial.segments.at(-1)!.parameters).map(([name, each]) => `${name} ${each}`);
  const folder = runFolderOf(out, segmentOf(out, trial));
  return [
    `${first}; the best is trial ${trial.number}, ${metric} ${value.toPrecision(4)}: ${parameters.join(', ')}`,
    `Its φ: ${folder.best}`,
    `The same bits again: ${againCommands(folder).join(' and then ')}`,
  ];
}

/** The command that resumes a sweep. */
export function resumeCommandOf(start: string, folder: string, ...words: readonly string[]): string {
  return command(`${start} --resume --out`, folder, ...words);
}
