/** Makes TensorFlow.js's matrix products and convolutions give the same bits every time. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../backend.js';

/** The part of tfjs-backend-webgpu that is used here. */
interface ChoosingBackend {
  /** A product of at most this many workgroups is split further. */
  thresholdToIncreaseWorkgroups: number;
}

/** A kernel's arguments. */
type KernelParameters = Pick<Parameters<tfjs.KernelFunc>[0], 'inputs' | 'attrs'>;

/** From this many terms a sum, the backend may use MatMulSplitK. */
const LONG = 2000;
/** Up to this many results, it uses MatMulReduce, whose sums are trees. */
const FEW = 128;

/** For each kernel that multiplies matrices: whether the backend may use MatMulSplitK. */
const KERNELS: Readonly<Record<string, (parameters: KernelParameters) => boolean>> = {
  BatchMatMul: mayBeSplit,
  _FusedMatMul: mayBeSplit,
  Conv2D: isLongConvolution,
  FusedConv2D: isLongConvolution,
};

const ordered = new WeakSet<Tf>();

/**
 * Keeps the backend from using MatMulSplitK, which it chooses for long sums with few results. There, workgroups add
 * their parts of a sum in order of arrival, so the bits change from run to run. With a threshold of 0 no number of
 * workgroups is too small, and the backend uses MatMulPacked, as for larger products, or Conv2DMM. Nothing else
 * changes.
 *
 * @param tf with the kernels of tfjs-backend-webgpu registered
 */
export function keepSumOrder(tf: Tf): void {
  if (ordered.has(tf)) return;
  ordered.add(tf);
  for (const [kernelName, mayUseSplitK] of Object.entries(KERNELS)) {
    const original = tf.getKernel(kernelName, 'webgpu');
    tf.unregisterKernel(kernelName, 'webgpu');
    tf.registerKernel({
      ...original,
      kernelFunc(parameters) {
        if (!mayUseSplitK(parameters)) return original.kernelFunc(parameters);
        const backend = parameters.backend as ChoosingBackend;
        const threshold = backend.thresholdToIncreaseWorkgroups;
        backend.thresholdToIncreaseWorkgroups = 0;
        try {
          return original.kernelFunc(parameters);
        } finally {
          backend.thresholdToIncreaseWorkgroups = threshold;
        }
      },
    });
  }
}

/** Whether this is a single product (A·B, Aᵀ·B, …) with long sums and more than `FEW` results. */
function mayBeSplit({ inputs, attrs }: KernelParameters): boolean {
  const [a, b] = [inputs['a']!.shape, inputs['b']!.shape];
  const [rows, inner] = attrs!['transposeA'] ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const columns = attrs!['transposeB'] ? b.at(-2)! : b.at(-1)!;
  const single = [a, b].every((shape) => sizeOf(shape.slice(0, -2)) === 1);
  return single && inner >= LONG && rows * columns > FEW;
}

/** Whether the filters [height, width, channels, filters] each sum at least `LONG` numbers. */
function isLongConvolution({ inputs }: KernelParameters): boolean {
  return sizeOf(inputs['filter']!.shape.slice(0, -1)) >= LONG;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}
