/** Handles Ctrl-C and SIGTERM: the first asks for a clean end, the second exits at once. */
import { EXIT, endNow } from './exit.js';

/** Runs work with a signal that aborts when the process is asked to end. @param say called then, to tell the user */
export async function untilStopped<Result>(
  say: () => void,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) endNow(EXIT.interrupted);
    say();
    stop.abort();
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
