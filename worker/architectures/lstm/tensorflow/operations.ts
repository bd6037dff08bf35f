/** TensorFlow's operations that TensorFlow.js does not expose. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Attribute, TensorflowBackend } from '../../../devices/tensorflow/load.js';
import type { Tf } from '../../../problems/problem.js';

/** A layer's activations: those of one step [N, units], or of all of them [K, N, units]. */
export interface Activations {
  i: tfjs.Tensor;
  c: tfjs.Tensor;
  f: tfjs.Tensor;
  o: tfjs.Tensor;
  /** tanh of the cell's input. */
  candidate: tfjs.Tensor;
  /** tanh(c). */
  squashed: tfjs.Tensor;
  h: tfjs.Tensor;
}

/** A layer's weights [inputs + units, 4·units] and biases [4·units], gates i, c̃, f, o. */
export interface CellWeights {
  weights: tfjs.Tensor2D;
  biases: tfjs.Tensor1D;
  /** Zeros, [units]: there are no peepholes. */
  peephole: tfjs.Tensor1D;
}

/** The LSTM of TensorFlow's fused operations. */
export class LstmOperations {
  readonly #backend: TensorflowBackend;

  /** @param tf with its backend `tensorflow` set */
  constructor(tf: Tf) {
    this.#backend = tf.backend() as unknown as TensorflowBackend;
  }

  /** One step of one layer: LSTMBlockCell. 1 is added to the forget gate's bias. */
  cell(x: tfjs.Tensor, c: tfjs.Tensor, h: tfjs.Tensor, { weights, biases, peephole }: CellWeights): Activations {
    const { binding } = this.#backend;
    const attributes = [
      this.#float,
      { name: 'forget_bias', type: binding.TF_ATTR_FLOAT, value: 1 },
      { name: 'cell_clip', type: binding.TF_ATTR_FLOAT, value: -1 },
      this.#noPeephole,
    ];
    const inputs = [x, c, h, weights, peephole, peephole, peephole, biases];
    const outputs = this.#backend.executeMultipleOutputs('LSTMBlockCell', attributes, inputs, 7);
    const [i, cell, f, o, candidate, squashed, hidden] = outputs as [
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
    ];
    return { i, c: cell, f, o, candidate, squashed, h: hidden };
  }

  /**
   * All steps of one layer backward, from dL/dh of every step [K, N, units]: BlockLSTMGrad. `length` is K, as an int64.
   */
  backward(
    length: tfjs.Tensor,
    x: tfjs.Tensor,
    start: { c: tfjs.Tensor; h: tfjs.Tensor },
    { weights, biases, peephole }: CellWeights,
    { i, c, f, o, candidate, squashed, h }: Activations,
    slopes: { c: tfjs.Tensor; h: tfjs.Tensor },
  ): { x: tfjs.Tensor; weights: tfjs.Tensor; biases: tfjs.Tensor } {
    const inputs = [length, x, start.c, start.h, weights, peephole, peephole, peephole, biases];
    inputs.push(i, c, f, o, candidate, squashed, h, slopes.c, slopes.h);
    const attributes = [this.#float, this.#noPeephole];
    const outputs = this.#backend.executeMultipleOutputs('BlockLSTMGrad', attributes, inputs, 8);
    return { x: outputs[0]!, weights: outputs[3]!, biases: outputs[7]! };
  }

  /** A count as an int64, a type that tfjs does not have. */
  length(tf: Tf, count: number): tfjs.Tensor {
    const { binding } = this.#backend;
    const attributes = [
      { name: 'SrcT', type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
      { name: 'DstT', type: binding.TF_ATTR_TYPE, value: binding.TF_INT64 },
      { name: 'Truncate', type: binding.TF_ATTR_BOOL, value: false },
    ];
    // tfjs-node warns of int64 tensors in case they are read, which this one never is
    const { warn } = console;
    console.warn = () => {};
    try {
      return tf.tidy(
        () => this.#backend.executeMultipleOutputs('Cast', attributes, [tf.scalar(count, 'int32')], 1)[0]!,
      );
    } finally {
      console.warn = warn;
    }
  }

  get #float(): Attribute {
    const { binding } = this.#backend;
    return { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
  }

  get #noPeephole(): Attribute {
    return { name: 'use_peephole', type: this.#backend.binding.TF_ATTR_BOOL, value: false };
  }
}
