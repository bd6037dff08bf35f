/** Ctrl-C and SIGTERM: the first one asks for an end, the next one ends the process at once. */
import { EXIT } from './exit.js';

/** Does the work with a signal that is aborted when the process is asked to end. @param say told what is going on then */
export async function untilStopped<Result>(
  say: () => void,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
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
