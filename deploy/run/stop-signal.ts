/** Handles Ctrl-C and SIGTERM: the first asks for a clean end, the second exits at once. */
import { ClusterError, LoptError } from '../../shared/errors.js';
import { EXIT, endNow } from './exit.js';

/** The process was told to end before there was anything to save; the command line exits with 130. */
export class StoppedError extends LoptError {
  override readonly name = 'StoppedError';
}

/** What the user is told when the process is asked to end. */
export interface Stopping {
  say(line: string): void;
  /** What is finished first. */
  open: string;
  /** The command that goes on with the work. */
  resumeCommand: string;
}

/** Runs work with a signal that aborts when the process is asked to end; its reason is a StoppedError. */
export async function untilStopped<Result>(
  { say, open, resumeCommand }: Stopping,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) endNow(EXIT.interrupted);
    say(`Finishing ${open}; press Ctrl-C again to stop at once.`);
    stop.abort(new StoppedError('Stopped before the run was led; nothing had to be saved.'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(stop.signal);
  } catch (error) {
    if (stop.signal.aborted && error instanceof ClusterError) {
      say(`Stopped; what the server did not store is computed again; resume with: ${resumeCommand}`);
    }
    throw error;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
