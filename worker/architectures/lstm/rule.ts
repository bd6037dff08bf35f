/** The LSTM's update rule and kernels. */
import { hasMoments, type LstmConfig } from '../../../shared/architectures/lstm.js';
import type { UpdateRule } from '../architecture.js';
import { BlockStepper } from './blocks/block-stepper.js';
import { lstmStep } from './definition.js';
import { lstmTensorStep } from './tensors.js';

export const lstmRule: UpdateRule<LstmConfig> = {
  type: 'lstm',
  definition:
    (network) =>
    (phi, { gradient }, state) =>
      lstmStep(network, phi, gradient, state),
  tensorStep:
    (network) =>
    (tf, phi, { gradient }, state, slopeLimit) =>
      lstmTensorStep(tf, network, phi, gradient, state, slopeLimit),
  kernels: {
    goBackward: true,
    async wasm(network, options) {
      const { BlockLstm } = await import('./blocks/block-lstm.js');
      const { createWasmKernel } = await import('./wasm/wasm-kernel.js');
      return new BlockLstm(createWasmKernel, network, options);
    },
    async native(network, options) {
      const { BlockLstm } = await import('./blocks/block-lstm.js');
      const { createNativeKernel } = await import('./native/native-kernel.js');
      return new BlockLstm(createNativeKernel, network, options);
    },
    // kernels for devices do not support RNNProp's inputs
    async webgpu(network, { tf, device, software }) {
      if (hasMoments(network)) return undefined;
      const { WebGpuKernel } = await import('./webgpu/webgpu-kernel.js');
      const { SOFTWARE_VARIANT } = await import('./webgpu/plan.js');
      return new WebGpuKernel({ tf, device: device!, network, ...(software ? { variant: SOFTWARE_VARIANT } : {}) });
    },
    async tensorflow(network, { tf }) {
      if (hasMoments(network)) return undefined;
      const { createFusedLstm } = await import('./tensorflow/fused-lstm.js');
      return createFusedLstm({ tf, network });
    },
    onDevices: (network) => !hasMoments(network),
  },
  stepper: (network, phi) => new BlockStepper(network, phi),
  async torch(network, phi) {
    const { encodeTorch } = await import('./torch.js');
    return encodeTorch(network, phi);
  },
};
