/** The tensorflow engine: windows by TensorFlow, on an NVIDIA GPU or on the CPU. */
import { hasMoments } from '../../../../shared/architectures/lstm.js';
import { createFusedLstm } from '../../../architectures/lstm/tensorflow/fused-lstm.js';
import { useBackend } from '../../../devices/backend.js';
import { loadTensorflow } from '../../../devices/tensorflow/load.js';
import { TensorEngine, type TensorEngineOptions } from '../tensor-engine.js';

/** Loads TensorFlow, which takes seconds, and makes the engine. Throws LoptError where it cannot be loaded. */
export async function createTensorflowEngine(
  options: Pick<TensorEngineOptions, 'problems' | 'architecture' | 'secondDerivatives' | 'slopeLimit'>,
): Promise<TensorEngine> {
  const { tf, device } = await loadTensorflow();
  useBackend(tf, 'tensorflow');
  const { architecture, secondDerivatives = false } = options;
  // plain operations where second derivatives are kept, or RNNProp's inputs are read: fused operations know neither
  const plain = secondDerivatives || hasMoments(architecture);
  const kernel = plain ? {} : { kernel: createFusedLstm({ tf, network: architecture }) };
  return new TensorEngine({ ...options, ...kernel, tf, device, name: 'tensorflow' });
}
