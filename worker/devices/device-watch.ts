/** Detects that a device was lost during a computation. */
import { setTimeout as delay } from 'node:timers/promises';
import { LoptError } from '../../shared/errors.js';

/** A device was lost with everything on it: its engine is unusable, and its shards must be replayed. */
export class DeviceLostError extends LoptError {
  override readonly name = 'DeviceLostError';
}

/** The condition of a device that may fail. */
export interface DeviceWatch {
  /** The first fault, and whether the device was lost with it. */
  fault(): { message: string; lost: boolean } | undefined;
  /** Settles when the device is lost. */
  readonly lost: Promise<unknown>;
}

/** How long to wait after an error for a report that the device was lost. */
const LOSS_MS = 1000;

/** Computes on a device. Throws DeviceLostError if the device is lost meanwhile, LoptError if it fails otherwise. */
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
    // the loss may be reported after the error that it caused
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
