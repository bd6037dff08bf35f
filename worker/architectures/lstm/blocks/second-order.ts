/** The backward pass of a window with second derivatives kept: step by step, through the LSTM and through the problems. */
import type { StepHessian } from '../../host-kernel.js';
import type { BlockKernel } from './kernel.js';
import { type Layout, recordOf, type SecondOrderLayout, stateOf } from './layout.js';

/**
 * Adds dL/dφ of L = Σ_t w_t f_t(θ_t) to the layout's meta-gradient, with θ_0, h_0 and ∇_0 as constants. Backward over t
 * from dL/d∇_K = 0, all coordinates together:
 *
 *     dL/dθ_t = dL/dθ_{t+1} + w_t ∇_t + H_t·(dL/d∇_t)
 *     (dL/d∇_{t−1}, dL/dh_{t−1}, dφ) from (dL/dg_{t−1} = dL/dθ_t, dL/dh_t) through the LSTM's step
 *
 * with slopes of LogAndSign of at most `slopeLimit`, 0 for no limit. If the forward pass did not keep its records, each
 * segment of steps is computed again from the state before it, to the same bits.
 */
export function backwardThroughProblems(
  kernel: BlockKernel,
  layout: Layout,
  { hessian, slopeLimit }: { hessian: StepHessian; slopeLimit: number },
): void {
  const { steps, blocks, keep, views } = layout;
  const order = layout.secondOrder!;
  const { segment, views: slopes } = order;
  const thetaSlope = new Float64Array(layout.coordinates);
  const product = new Float32Array(layout.coordinates);
  slopes.carry.fill(0);
  for (let start = segment * (Math.ceil(steps / segment) - 1); start >= 0; start -= segment) {
    const end = Math.min(start + segment, steps);
    if (!keep) replaySegment(kernel, layout, order, start, end);
    for (let s = end - 1; s >= start; s--) {
      addScaled(thetaSlope, views.lossWeights[s]!, views.gradients[s + 1]!);
      slopes.slope.set(thetaSlope);
      const extra = views.updateGradient[s];
      if (extra) for (let i = 0; i < extra.length; i++) slopes.slope[i]! += extra[i]!;
      for (const block of blocks) {
        const { first, width } = block;
        kernel.passes.backwardStep(
          recordOf(kernel, layout, block, s + 1 - start),
          order.slope + 4 * first,
          order.carry + 4 * kernel.stateRows * first,
          layout.gradients + s * layout.rowBytes + 4 * first,
          order.inputSlope + 4 * first,
          slopeLimit,
          layout.scratch,
          width,
        );
      }
      if (s % kernel.chunk === 0) addWeightGradients(kernel, layout, s - start, Math.min(kernel.chunk, steps - s));
      if (s === 0) break;
      hessian(s, slopes.inputSlope, product);
      addScaled(thetaSlope, 1, product);
    }
  }
}

function addScaled(sum: Float64Array, factor: number, row: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += factor * row[i]!;
}

/** Adds the weight gradients of `steps` steps, the first of which follows record `before`. */
function addWeightGradients(kernel: BlockKernel, layout: Layout, before: number, steps: number): void {
  for (const block of layout.blocks) {
    kernel.passes.weightGradients(recordOf(kernel, layout, block, before), steps, layout.metaGradient, block.width);
  }
}

/** Keeps the running state before step s if a segment begins there. */
export function keepCheckpoint(kernel: BlockKernel, layout: Layout, order: SecondOrderLayout, s: number): void {
  if (s % order.segment === 0) checkpoint(kernel, layout, order, s).set(layout.views.state);
}

function checkpoint(kernel: BlockKernel, { views }: Layout, order: SecondOrderLayout, s: number): Float32Array {
  const { length } = views.state;
  return kernel.memory.floats(order.checkpoints + (4 * length * s) / order.segment, length);
}

function replaySegment(
  kernel: BlockKernel,
  layout: Layout,
  order: SecondOrderLayout,
  start: number,
  end: number,
): void {
  const { stateRows } = kernel;
  const state = checkpoint(kernel, layout, order, start);
  for (const block of layout.blocks) {
    const { first, width } = block;
    const rows = state.subarray(stateRows * first, stateRows * (first + width));
    kernel.memory.floats(stateOf(kernel, layout, block, 0), rows.length).set(rows);
    for (let s = start; s < end; s++) {
      kernel.passes.forwardBlock(
        layout.gradients + s * layout.rowBytes + 4 * first,
        stateOf(kernel, layout, block, s - start),
        recordOf(kernel, layout, block, s - start + 1),
        layout.updates + 4 * first,
        width,
      );
    }
  }
}
