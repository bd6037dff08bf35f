/** Computes a module's gradient in arrays with margins around them, so that stray writes are noticed. */
import { LoptError } from '../../../shared/errors.js';
import { tensorGradientOf } from '../derivatives/derivatives.js';
import type { Batch, Gradient, Problems } from '../problem.js';
import { moduleFault, thrownFault } from './fault.js';

/** The arguments of a gradient. */
export interface Call {
  theta: Float32Array;
  batch: Batch;
  step: number;
}

/** f and ∇f of a batch. */
export interface Values {
  losses: Float64Array;
  gradient: Float32Array;
}

/** A gradient of the module, and its name in messages. */
export interface Probe {
  name: string;
  compute(call: Call): Values;
}

type Numbers = Float32Array | Float64Array;

/** Problems that are tried out together. */
export const COUNT = 3;
/** The problem that is filled with NaN, to see whether the others change. */
export const SPOILT = 1;
/** The steps at which they are tried. */
export const STEPS: readonly number[] = [0, 5];

const MARGIN = 8;
const MARK = 0.75;

/** The closed form; undefined if there is none. `compute` throws FileError if it writes to anything but its results. */
export function closedFormProbe(path: string, problems: Problems): Probe | undefined {
  const gradientOf = problems.createGradient?.();
  return gradientOf && probe(path, 'the closed-form gradient', gradientOf);
}

/** The differentiated loss. `compute` throws FileError if TensorFlow.js cannot differentiate it. */
export async function tensorProbe(path: string, problems: Problems): Promise<Probe> {
  const gradientOf = await tensorGradientOf(problems);
  return probe(path, 'loss()', (...args) => {
    try {
      gradientOf(...args);
    } catch (error) {
      if (error instanceof LoptError) throw error;
      throw thrownFault(path, 'loss() must be differentiable by TensorFlow.js', error);
    }
  });
}

function probe(path: string, name: string, gradientOf: Gradient): Probe {
  return {
    name,
    compute({ theta, batch, step }) {
      const point = withMargins(theta);
      const data = withMargins(batch.data);
      // what is not written stays NaN
      const gradient = withMargins(new Float32Array(theta.length).fill(Number.NaN));
      const losses = withMargins(new Float64Array(batch.count).fill(Number.NaN));
      gradientOf(point, { ...batch, data }, step, gradient, losses);
      const touched = Object.entries({
        theta: !sameBits(point, theta) || !areMarginsIntact(point),
        data: !sameBits(data, batch.data) || !areMarginsIntact(data),
        'memory around "gradient"': !areMarginsIntact(gradient),
        'memory around "losses"': !areMarginsIntact(losses),
      }).find(([, wrong]) => wrong);
      if (touched) throw moduleFault(path, `${name} must write only to its results, but wrote to ${touched[0]}`);
      return { gradient: gradient.slice(), losses: losses.slice() };
    },
  };
}

/** A copy in the middle of a larger buffer. */
function withMargins<Kind extends Numbers>(values: Kind): Kind {
  const larger = new (values.constructor as new (length: number) => Kind)(values.length + 2 * MARGIN).fill(
    MARK,
  ) as Kind;
  larger.set(values, MARGIN);
  return larger.subarray(MARGIN, MARGIN + values.length) as Kind;
}

/** Whether nothing was written around a copy. */
function areMarginsIntact(values: Numbers): boolean {
  const Kind = values.constructor as new (buffer: ArrayBufferLike) => Numbers;
  const larger = new Kind(values.buffer);
  return larger.every((value, i) => value === MARK || (i >= MARGIN && i < MARGIN + values.length));
}

/** Whether two arrays hold the same bits, NaN and the sign of 0 included. */
export function sameBits(a: Numbers, b: Numbers): boolean {
  return bytesOf(a).equals(bytesOf(b));
}

function bytesOf({ buffer, byteOffset, byteLength }: Numbers): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
