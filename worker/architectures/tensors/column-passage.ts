/** A passage whose step takes and returns h as columns. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { ColumnState, StepInput, TensorOperations } from '../architecture.js';
import { coordinatesIn } from '../layout.js';
import type { PassageOptions, TensorPassage, TensorState, WindowSignal } from '../tensor-kernel.js';
import { selectState } from './column-state.js';

/** The result of one step; the passage disposes of it. */
export interface ColumnStep {
  /** θ + g, [N]; the caller disposes of it. */
  theta: tfjs.Tensor1D;
  state: ColumnState;
  /** What the backward pass needs besides the state. */
  record: readonly tfjs.Tensor[];
}

/** A window after its forward pass, with zeros for bad coordinates. */
export interface ColumnWindow {
  /** h_0. */
  initialState: ColumnState;
  /** ∇_0…∇_K, each [N]. */
  gradients: readonly tfjs.Tensor1D[];
  /** w_1…w_K. */
  lossWeights: Float32Array;
  /** An additional dL/dg_0…dL/dg_{K−1}, each [N]; empty if there is none. */
  updateGradient: readonly tfjs.Tensor1D[];
  /** What every step recorded; absent if h_0 or a gradient has changed since. */
  records?: readonly (readonly tfjs.Tensor[])[];
}

/** The computations of a kernel whose state is columns. */
export interface ColumnSteps {
  step(input: Required<StepInput<tfjs.Tensor1D>>, state: ColumnState, record: boolean): ColumnStep;
  /** Whether to record the steps of a window of this size. */
  records(coordinates: number, steps: number): boolean;
  /** To be called within tf.tidy. */
  metaGradient(window: ColumnWindow): tfjs.Tensor1D;
}

/** Begins a passage. */
export function beginPassage(
  tf: TensorOperations,
  kernel: ColumnSteps,
  initial: TensorState,
  { layout, clock, steps, backward }: PassageOptions,
): TensorPassage {
  const initialState = initial as ColumnState;
  const record = backward && kernel.records(coordinatesIn(layout), steps);
  const gradients: tfjs.Tensor1D[] = [];
  const records: (readonly tfjs.Tensor[])[] = [];
  let state = initialState;
  let step = clock.step;
  /** Disposes of h_t unless it is recorded, or is h_0, which the caller owns. */
  function leaveState(): void {
    if (state !== initialState && !record) tf.dispose([...state]);
  }
  return {
    step(gradient, theta) {
      const input = { gradient, theta, layout, clock: { ...clock, step } };
      const next = kernel.step(input, state, record);
      step += 1;
      leaveState();
      state = next.state;
      if (record) records.push([...next.record, ...next.state]);
      if (backward) gradients.push(gradient);
      return next.theta;
    },
    metaGradient({ last, lossWeights, updateGradient, healthy }: WindowSignal) {
      return tf.tidy(() => {
        const signal = { lossWeights, updateGradient };
        if (!healthy) {
          const window = { initialState, gradients: [...gradients, last], ...signal };
          return kernel.metaGradient(record ? { ...window, records } : window);
        }
        const clean = gradients.map((row) => tf.where<tfjs.Tensor1D>(healthy, row, 0));
        const start = selectState(tf, initialState, healthy, layout.problems);
        return kernel.metaGradient({ initialState: start, gradients: [...clean, last], ...signal });
      });
    },
    state: (healthy) =>
      healthy ? selectState(tf, state, healthy, layout.problems) : state.map((part) => tf.clone(part)),
    dispose() {
      leaveState();
      tf.dispose(records.flat());
      records.length = 0;
      state = initialState;
    },
  };
}
