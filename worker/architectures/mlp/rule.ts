/** The perceptron's update rule and kernels. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import type { UpdateRule } from '../architecture.js';
import { mlpStep } from './definition.js';
import { MlpStepper } from './stepper.js';
import { mlpTensorStep } from './tensors.js';

export const mlpRule: UpdateRule<MlpConfig> = {
  type: 'mlp',
  definition: (config) => (phi, input, state) => mlpStep(config, phi, input, state),
  tensorStep: (config) => (tf, phi, input, state) => mlpTensorStep(tf, config, phi, input, state),
  kernels: {
    async wasm(config, options) {
      const { MlpKernel } = await import('./mlp-kernel.js');
      const { createWasmPasses } = await import('./wasm/wasm-kernel.js');
      return new MlpKernel(createWasmPasses, config, options);
    },
    async native(config, options) {
      const { MlpKernel } = await import('./mlp-kernel.js');
      const { createNativePasses } = await import('./native/native-kernel.js');
      return new MlpKernel(createNativePasses, config, options);
    },
  },
  stepper: (config, phi, options) => new MlpStepper(config, phi, options),
  async torch(config, phi) {
    const { encodeTorch } = await import('./torch.js');
    return encodeTorch(config, phi);
  },
};
