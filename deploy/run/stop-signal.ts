/** Handles Ctrl-C and SIGTERM: the first asks for a clean end, the second exits at once. */
import { LoptError } from '../../shared/errors.js';
import { EXIT, endNow } from './exit.js';

/** The process was told to end before there was anything to save; the command line exits with 130. */
export class StoppedError extends LoptError {
  override readonly name = 'StoppedError';
}

/**
 * Runs work with a signal that aborts when the process is asked to end; its reason is a StoppedError.
 *
 * @param say called then, to tell the user
 */
export async function untilStopped<Result>(
  say: () => void,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) endNow(EXIT.interrupted);
    say();
    stop.abort(new StoppedError('Stopped before the run was led; nothing had to be saved.'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(stop.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
