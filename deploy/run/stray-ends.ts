/** Ends of this process that nobody asked for: each has a sentence, and an exit code other than 0. */
import { LoptError } from '../../shared/errors.js';
import { exitFault, strayFault, stuckFault } from '../../worker/problems/module/stray.js';
import { EXIT, endedOnPurpose, endNow } from './exit.js';

/**
 * Watches this process until the returned function is called: says why it ends if that was not its own doing.
 *
 * @param report writes an error for the user; returns the exit code
 */
export function watchEnds(report: (error: unknown) => number): () => void {
  let over = false;
  let drained = false;
  const onStray = (error: unknown) => endNow(report(strayFault(error) ?? error));
  process.on('uncaughtException', onStray);
  process.on('unhandledRejection', onStray);
  process.on('beforeExit', () => {
    drained = true;
  });
  process.on('exit', (code) => {
    if (over || endedOnPurpose()) return;
    const fault = drained ? stuckFault() : exitFault(code);
    report(fault ?? new LoptError(`Cannot go on: this process has ended with code ${code} before its work`));
    process.exitCode = EXIT.failed;
  });
  return () => {
    over = true;
  };
}
