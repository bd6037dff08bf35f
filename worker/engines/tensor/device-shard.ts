/** Moves a shard to the device of a tensor engine and back. */
import type * as tfjs from '@tensorflow/tfjs';
import type { CoordinateLayout } from '../../architectures/layout.js';
import type { TensorKernel, TensorState } from '../../architectures/tensor-kernel.js';
import type { Arena } from '../../devices/arena.js';
import type { Batch, Tf } from '../../problems/problem.js';
import type { DeviceShard, ShardState } from '../engine.js';
import { batchOf } from '../shard.js';

/** A shard's arrays on the device. */
export interface Shard {
  theta: tfjs.Tensor1D;
  gradient: tfjs.Tensor1D;
  hidden: TensorState;
  /** [P, numbers of a problem]; undefined if the problems have no data. */
  data: tfjs.Tensor2D | undefined;
}

/** Uploads the problems' data; undefined if they have none. */
export function uploadData(tf: Tf, { count, data }: ShardState, arena: Arena): tfjs.Tensor2D | undefined {
  // a tensor keeps the array that it is made from, and the caller may write to that array
  return data.length === 0 ? undefined : arena.hold(tf.tensor2d(data.slice(), [count, data.length / count]));
}

/** The problems of a shard with their data on the device. */
export function batchOn(state: ShardState, tensor: tfjs.Tensor2D | undefined): Batch {
  return { ...batchOf(state), ...(tensor && { tensor }) };
}

/** The shard on the device: as it was left there, or uploaded from the state's arrays. */
export function takeShard(
  tf: Tf,
  kernel: TensorKernel,
  { state, layout, arena }: { state: ShardState; layout: CoordinateLayout; arena: Arena },
): Shard {
  const { device } = state;
  if (device) {
    delete state.device;
    const shard = device as DeviceShard & Shard;
    arena.hold(tensorsOf(shard));
    return shard;
  }
  return {
    theta: arena.hold(tf.tensor1d(state.theta.slice())),
    gradient: arena.hold(tf.tensor1d(state.gradient.slice())),
    hidden: arena.hold(kernel.upload(state.hidden, layout)),
    data: uploadData(tf, state, arena),
  };
}

/** What to do with a shard after its window. */
export interface Settlement {
  state: ShardState;
  shard: Shard;
  arena: Arena;
  /** Whether it stays on the device. */
  resident: boolean;
}

/** Leaves the shard on the device, or downloads it to the state's arrays. */
export async function settleShard(
  tf: Tf,
  kernel: TensorKernel,
  { state, shard, arena, resident }: Settlement,
): Promise<void> {
  const { theta, gradient, hidden } = shard;
  if (resident) {
    const tensors = arena.release(tensorsOf(shard));
    state.device = { ...shard, dispose: () => tf.dispose(tensors) } as DeviceShard;
    return;
  }
  const values = await Promise.all([theta.data(), gradient.data(), kernel.download(hidden)]);
  state.theta.set(values[0]);
  state.gradient.set(values[1]);
  state.hidden.set(values[2]);
}

function tensorsOf({ theta, gradient, hidden, data }: Shard): tfjs.Tensor[] {
  return [theta, gradient, ...hidden, ...(data ? [data] : [])];
}
