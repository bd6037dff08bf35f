/** Exit codes of commands, and the end of the process at once. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

let isOnPurpose = false;

/** Ends this process at once. */
export function endNow(code: number): never {
  isOnPurpose = true;
  process.exit(code);
}

/** Whether `endNow` ends this process, and nobody else. */
export function endedOnPurpose(): boolean {
  return isOnPurpose;
}
