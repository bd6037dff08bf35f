/** A process that `lopt up` started ends with it, however that ends. */

/** For so long a process may finish what it does once its parent is gone. */
const GRACE_MS = 10_000;

/** Ends this process, as by SIGTERM, when the one that started it over a channel is gone. Does nothing without a channel. */
export function followParent(): void {
  if (!process.connected) return;
  // the channel alone keeps nobody from ending
  process.channel?.unref();
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  });
}
