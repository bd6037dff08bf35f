/** The webgpu engine: windows by our WGSL shaders, on any GPU that WebGPU finds. */
import { hasMoments } from '../../../../shared/architectures/lstm.js';
import { SOFTWARE_VARIANT } from '../../../architectures/lstm/webgpu/plan.js';
import { WebGpuKernel } from '../../../architectures/lstm/webgpu/webgpu-kernel.js';
import { useBackend } from '../../../devices/backend.js';
import { loadWebGpu } from '../../../devices/webgpu/load.js';
import { TensorEngine, type TensorEngineOptions } from '../tensor-engine.js';
import { recordedGradient } from './recorded-gradient.js';

/** Opens the GPU and makes the engine. Throws LoptError where there is none. */
export async function createWebGpuEngine(
  options: Pick<TensorEngineOptions, 'problems' | 'architecture' | 'secondDerivatives' | 'slopeLimit'>,
): Promise<TensorEngine> {
  const { tf, device, name, software, watch } = await loadWebGpu();
  useBackend(tf, 'webgpu');
  const { architecture, secondDerivatives = false } = options;
  // plain operations where second derivatives are kept, or RNNProp's inputs are read: shaders know neither
  const plain = secondDerivatives || hasMoments(architecture);
  const variant = software ? { variant: SOFTWARE_VARIANT } : {};
  const kernel = plain ? {} : { kernel: new WebGpuKernel({ tf, device, network: architecture, ...variant }) };
  const recorded = options.problems.stationary ? recordedGradient({ tf, device, problems: options.problems }) : {};
  return new TensorEngine({ ...options, ...kernel, ...recorded, tf, device: name, watch, name: 'webgpu' });
}
