/** Copies of a shard, for particles that part from one state. */
import { LoptError } from '../../shared/errors.js';
import type { ShardState } from './engine.js';

/**
 * A copy of a shard in one shared buffer of its own, so that any thread can continue it. Throws LoptError if the shard is
 * on a device, since its arrays on the host are then out of date.
 */
export function cloneShard(state: ShardState): ShardState {
  if (state.device) throw new LoptError('Cannot copy a shard: its state must be on the host, but is on a device');
  const { initialLosses, theta, gradient, hidden, data, healthy } = state;
  const arrays = [initialLosses, theta, gradient, hidden, data, healthy];
  const buffer = new SharedArrayBuffer(arrays.reduce((bytes, { byteLength }) => bytes + byteLength, 0));
  let at = 0;
  // float64 first and bytes last, so that every array is aligned
  function floats(values: Float32Array): Float32Array {
    const view = new Float32Array(buffer, at, values.length);
    view.set(values);
    at += values.byteLength;
    return view;
  }
  const losses = new Float64Array(buffer, 0, initialLosses.length);
  losses.set(initialLosses);
  at += losses.byteLength;
  const copy = {
    ...state,
    initialLosses: losses,
    theta: floats(theta),
    gradient: floats(gradient),
    hidden: floats(hidden),
    data: floats(data),
    healthy: new Uint8Array(buffer, at, healthy.length),
  };
  copy.healthy.set(healthy);
  return copy;
}
