/** The tensorflow engine: windows computed by TensorFlow, on an NVIDIA GPU or on the CPU. */
import { ruleOf } from '../../../architectures/registry.js';
import { useBackend } from '../../../devices/backend.js';
import { loadTensorflow } from '../../../devices/tensorflow/load.js';
import { TensorEngine, type TensorEngineOptions } from '../tensor-engine.js';

/** Loads TensorFlow, which takes seconds, and makes the engine. Throws LoptError if it cannot be loaded. */
export async function createTensorflowEngine(
  options: Pick<TensorEngineOptions, 'problems' | 'architecture' | 'secondDerivatives'>,
): Promise<TensorEngine> {
  const { tf, device } = await loadTensorflow();
  useBackend(tf, 'tensorflow');
  const { architecture, secondDerivatives = false } = options;
  // fused operations do not support second derivatives
  const kernel = secondDerivatives ? undefined : await ruleOf(architecture).kernels.tensorflow?.(architecture, { tf });
  return new TensorEngine({ ...options, ...(kernel && { kernel }), tf, device, name: 'tensorflow' });
}
