/** Conducts a run from its start to its report, wherever it is computed: progress, files, signals, closing lines. */
import type { CoordinatorOptions, RunEnd } from '../../coordinator/coordinator.js';
import { EventFiles } from '../../coordinator/report/event-files.js';
import { MetricsFile } from '../../coordinator/report/metrics.js';
import { RunReport } from '../../coordinator/report/report.js';
import { initialPhiOf } from '../../shared/config.js';
import type { Logger } from '../../shared/logger.js';
import { EXIT } from './exit.js';
import { FolderGuard, goBackOrElsewhere } from './folder-guard.js';
import type { PreparedRun } from './prepare-run.js';
import { observeAll, Progress } from './progress.js';
import { repeatLines } from './repeat.js';
import { RunLog } from './run-log.js';
import type { ServerPlace } from './run-record.js';
import { writeRunReport } from './run-report.js';
import { untilStopped } from './stop-signal.js';

/** Passed to every launcher of runs. */
export type LaunchOptions = Required<
  Pick<CoordinatorOptions, 'config' | 'phi' | 'goal' | 'accept' | 'logger' | 'observer' | 'signal'>
> &
  Pick<CoordinatorOptions, 'fromRound'> & {
    /** The run's folder. */
    folder: string;
  };

/** How to compute a run. */
export interface Conduct {
  /** Part of the first line, as in `with 2 threads`. */
  how: string;
  launch(options: LaunchOptions): Promise<RunEnd>;
  /** The command that resumes the run if it is interrupted. */
  resumeCommand: string;
  /** Where the journal is, if a server has it. */
  server?: ServerPlace;
  /** Work after the run and before its report: a comparison. */
  afterwards?(): Promise<void>;
  /** Replaces the screen with log records for programs. */
  logger?: Logger;
  /** Further observers of the run. */
  observers?: readonly NonNullable<CoordinatorOptions['observer']>[];
}

/** Returns the exit code. */
export async function conductRun(
  { folder, stored, before, init }: PreparedRun,
  { how, launch, resumeCommand, server, afterwards, logger, observers = [] }: Conduct,
): Promise<number> {
  const { config, goal, fromRound } = stored;
  const screen = new Progress(process.stdout, config, goal);
  const say = (line: string) => (logger ? logger.info(line) : screen.say(line));
  const progress = logger ? new RunLog({ logger, config }) : screen;
  const files = [new MetricsFile(folder.metrics), new EventFiles(folder.path, config.architecture)];
  const report = new RunReport(files, folder.previous);
  const guard = new FolderGuard({ folder, config, resume: resumeCommand, server, otherwise: goBackOrElsewhere });
  let begun = false;
  // once the run goes on, so does its new configuration, and it has gone back to where it was to
  const configuration = {
    started(): void {
      begun = true;
      if (before) folder.store({ ...stored, fromRound: undefined });
    },
  };
  let end: RunEnd;
  try {
    end = await untilStopped({ say, open: 'the round', resumeCommand }, (signal) => {
      // whoever reads this may tell the process to end
      say(`Training φ on ${config.problem} ${how}, into ${folder.path}`);
      if (fromRound !== undefined) say(`Going back to round ${fromRound}.`);
      return launch({
        config,
        phi: init ? new Float64Array(init.phi) : initialPhiOf(config),
        goal,
        logger: logger ?? { info: say, warn: say, error: say },
        accept: guard.accept,
        observer: observeAll(progress, report, guard, configuration, ...observers),
        signal,
        folder: folder.path,
        ...(fromRound === undefined ? {} : { fromRound }),
      });
    });
  } catch (error) {
    // the user sees this failure, so the next resume does not try to go back again
    if (before && fromRound !== undefined && !begun) folder.store({ ...before, fromRound: undefined });
    throw error;
  } finally {
    report.close();
  }
  const { state, best } = end;
  if (end.interrupted) {
    await writeRunReport(folder, stored, state, say);
    say(`Stopped after round ${state.round}; resume with: ${resumeCommand}`);
    return EXIT.interrupted;
  }
  folder.writePhis(config, best, new Float32Array(state.phi));
  say(`Trained ${state.round} rounds; the best φ is that of round ${best.round}: ${folder.best}`);
  for (const line of repeatLines(stored, state, folder.path, resumeCommand)) say(line);
  // also before the comparison, which may be interrupted
  await writeRunReport(folder, stored, state, say);
  if (afterwards) {
    await afterwards();
    await writeRunReport(folder, stored, state, say);
  }
  say(`Curves, table and configuration: ${folder.report}`);
  return EXIT.done;
}
