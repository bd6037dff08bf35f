/** The webgpu engine: windows computed by an architecture's shaders, on any GPU that WebGPU finds. */
import { ruleOf } from '../../../architectures/registry.js';
import { useBackend } from '../../../devices/backend.js';
import { loadWebGpu } from '../../../devices/webgpu/load.js';
import { TensorEngine, type TensorEngineOptions } from '../tensor-engine.js';
import { recordedGradient } from './recorded-gradient.js';

/** Opens the GPU and makes the engine. Throws LoptError if there is none. */
export async function createWebGpuEngine(
  options: Pick<TensorEngineOptions, 'problems' | 'architecture' | 'secondDerivatives'>,
): Promise<TensorEngine> {
  const { tf, device, name, software, watch } = await loadWebGpu();
  useBackend(tf, 'webgpu');
  const { architecture, problems, secondDerivatives = false } = options;
  // shaders do not support second derivatives
  const own = secondDerivatives ? undefined : ruleOf(architecture).kernels.webgpu;
  const kernel = await own?.(architecture, { tf, device, software });
  const recorded = problems.stationary ? recordedGradient({ tf, device, problems }) : {};
  return new TensorEngine({
    ...options,
    ...(kernel && { kernel }),
    ...recorded,
    tf,
    device: name,
    watch,
    name: 'webgpu',
  });
}
