/** Ends a process that `lopt up` started when `lopt up` is gone, however it ended. */

import { EXIT, endNow } from '../run/exit.js';

/** Time that a process has to finish once its parent is gone. */
const GRACE_MS = 10_000;

/**
 * Ends this process, as by SIGTERM, when the parent at the other end of its channel is gone. Does nothing without a
 * channel.
 */
export function followParent(): void {
  if (!process.connected) return;
  // the channel alone must not keep the process alive
  process.channel?.unref();
  process.once('disconnect', () => {
    setTimeout(() => endNow(EXIT.failed), GRACE_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  });
}
