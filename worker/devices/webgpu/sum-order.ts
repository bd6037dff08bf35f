/** Products and convolutions of TensorFlow.js that have the same bits every time. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../../problems/problem.js';

/** As much of tfjs-backend-webgpu as is needed here. */
interface ChoosingBackend {
  /** Of so many workgroups or fewer, a product is taken apart further. */
  thresholdToIncreaseWorkgroups: number;
}

/** What a kernel is given. */
type KernelParameters = Pick<Parameters<tfjs.KernelFunc>[0], 'inputs' | 'attrs'>;

/** Terms of a sum from which on the backend may take MatMulSplitK. */
const LONG = 2000;
/** Results up to which it takes MatMulReduce, whose sums are trees. */
const FEW = 128;

/** Whether the backend may take MatMulSplitK, by the kernels that multiply matrices. */
const KERNELS: Readonly<Record<string, (parameters: KernelParameters) => boolean>> = {
  BatchMatMul: mayBeSplit,
  _FusedMatMul: mayBeSplit,
  Conv2D: isLongConvolution,
  FusedConv2D: isLongConvolution,
};

const ordered = new WeakSet<Tf>();

/**
 * Keeps the backend from MatMulSplitK, which it takes for long sums with few results: workgroups add up their parts of a
 * sum in the order in which they come, so that its bits are others from run to run. Where it might take it, it is told
 * that no number of workgroups is too small; then it takes MatMulPacked, as for larger products, or Conv2DMM.
 * Everything else is computed as before.
 *
 * @param tf with the kernels of tfjs-backend-webgpu registered
 */
export function keepSumOrder(tf: Tf): void {
  if (ordered.has(tf)) return;
  ordered.add(tf);
  for (const [kernelName, concerns] of Object.entries(KERNELS)) {
    const own = tf.getKernel(kernelName, 'webgpu');
    tf.unregisterKernel(kernelName, 'webgpu');
    tf.registerKernel({
      ...own,
      kernelFunc(parameters) {
        if (!concerns(parameters)) return own.kernelFunc(parameters);
        const backend = parameters.backend as ChoosingBackend;
        const threshold = backend.thresholdToIncreaseWorkgroups;
        backend.thresholdToIncreaseWorkgroups = 0;
        try {
          return own.kernelFunc(parameters);
        } finally {
          backend.thresholdToIncreaseWorkgroups = threshold;
        }
      },
    });
  }
}

/** One product A·B, or Aᵀ·B and so on, of long sums and not the fewest results. */
function mayBeSplit({ inputs, attrs }: KernelParameters): boolean {
  const [a, b] = [inputs['a']!.shape, inputs['b']!.shape];
  const [rows, inner] = attrs!['transposeA'] ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const columns = attrs!['transposeB'] ? b.at(-2)! : b.at(-1)!;
  const single = [a, b].every((shape) => sizeOf(shape.slice(0, -2)) === 1);
  return single && inner >= LONG && rows * columns > FEW;
}

/** Filters [height, width, channels, filters] that sum up so many numbers. */
function isLongConvolution({ inputs }: KernelParameters): boolean {
  return sizeOf(inputs['filter']!.shape.slice(0, -1)) >= LONG;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}
