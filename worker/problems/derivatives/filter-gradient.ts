/** A faster gradient of a convolution's filter on the CPU backend of TensorFlow.js, with the same bits. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../problem.js';

const KERNEL = 'Conv2DBackpropFilter';

/** The kernel's attributes. */
interface Attributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | tfjs.backend_util.ExplicitPadding;
  dataFormat: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  filterShape: [number, number, number, number];
}

const accelerated = new WeakSet<Tf>();

/**
 * Replaces tfjs's kernel for the filter's gradient, which reads its tensors element by element through bounds and
 * strides and takes nine tenths of a small network's time. Sums are still added in the same order in double precision.
 */
export function speedUpFilterGradient(tf: Tf): void {
  if (accelerated.has(tf)) return;
  accelerated.add(tf);
  const original = tf.getKernel(KERNEL, 'cpu');
  tf.unregisterKernel(KERNEL, 'cpu');
  tf.registerKernel({
    kernelName: KERNEL,
    backendName: 'cpu',
    kernelFunc(params) {
      const attributes = params.attrs as unknown as Attributes;
      if (attributes.dataFormat !== 'NHWC') return original.kernelFunc(params);
      const backend = params.backend as tfjs.KernelBackend;
      const { x, dy } = params.inputs as { x: tfjs.TensorInfo; dy: tfjs.TensorInfo };
      const { strides, pad, dimRoundingMode, filterShape } = attributes;
      const shape = x.shape as [number, number, number, number];
      const info = tf.backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode);
      const values = (tensor: tfjs.TensorInfo) => backend.readSync(tensor.dataId) as Float32Array;
      const gradient = filterGradient(info, values(x), values(dy));
      return { dataId: backend.write(gradient, filterShape, 'float32'), shape: filterShape, dtype: 'float32' };
    },
  });
}

/** dW[i, j, c, f] = Σ x[image, stride·row + i − top, stride·column + j − left, c] · dy[image, row, column, f]. */
function filterGradient(info: tfjs.backend_util.Conv2DInfo, x: Float32Array, dy: Float32Array): Float32Array {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
  const { filterHeight, filterWidth, strideHeight, strideWidth } = info;
  const sums = new Float64Array(filterHeight * filterWidth * inChannels * outChannels);
  let slopes = 0;
  for (let image = 0; image < batchSize; image++) {
    for (let row = 0; row < outHeight; row++) {
      const top = row * strideHeight - padInfo.top;
      for (let column = 0; column < outWidth; column++, slopes += outChannels) {
        const left = column * strideWidth - padInfo.left;
        for (let i = Math.max(0, -top); i < Math.min(filterHeight, inHeight - top); i++) {
          for (let j = Math.max(0, -left); j < Math.min(filterWidth, inWidth - left); j++) {
            const from = ((image * inHeight + top + i) * inWidth + left + j) * inChannels;
            let at = (i * filterWidth + j) * inChannels * outChannels;
            for (let c = 0; c < inChannels; c++) {
              const value = x[from + c]!;
              for (let f = 0; f < outChannels; f++, at++) sums[at]! += value * dy[slopes + f]!;
            }
          }
        }
      }
    }
  }
  return Float32Array.from(sums);
}
