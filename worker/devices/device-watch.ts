/** A device that may go away while it computes. */
import { setTimeout as delay } from 'node:timers/promises';
import { LoptError } from '../../shared/errors.js';

/** A device went away, and with it what was on it: the engine is of no more use, and its shards are to be replayed. */
export class DeviceLostError extends LoptError {
  override readonly name = 'DeviceLostError';
}

/** What is known of a device that may fail. */
export interface DeviceWatch {
  /** The first thing that went wrong, and whether the device is gone with it. */
  fault(): { message: string; lost: boolean } | undefined;
  /** Settled when the device is gone. */
  readonly lost: Promise<unknown>;
}

/** How long an error waits for the news that its cause was the loss of the device. */
const LOSS_MS = 1000;

/** Computes on a device: throws DeviceLostError where it goes away meanwhile, LoptError where it fails otherwise. */
export async function watched<Result>(
  engine: string,
  watch: DeviceWatch | undefined,
  compute: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await compute();
    checkDevice(engine, watch);
    return result;
  } catch (error) {
    // the device may tell of its end after what ended with it
    if (watch) await Promise.race([watch.lost, delay(LOSS_MS)]);
    checkDevice(engine, watch, error);
    throw error;
  }
}

function checkDevice(engine: string, watch: DeviceWatch | undefined, cause?: unknown): void {
  const fault = watch?.fault();
  if (!fault) return;
  if (fault.lost) throw new DeviceLostError(`The device of engine "${engine}" was lost: ${fault.message}`, { cause });
  throw new LoptError(`Cannot compute on engine "${engine}": ${fault.message}`, { cause });
}
