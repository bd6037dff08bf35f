/** The tensorflow engine: windows by TensorFlow, on an NVIDIA GPU or on the CPU. */
import { hasMoments } from '../../../../shared/phi.js';
import { createFusedLstm } from '../../../architectures/lstm/tensorflow/fused-lstm.js';
import { useBackend } from '../../../devices/backend.js';
import { loadTensorflow } from '../../../devices/tensorflow/load.js';
import { TensorEngine, type TensorEngineOptions } from '../tensor-engine.js';

/** Loads TensorFlow, which takes seconds, and makes the engine. Throws LoptError where it cannot be loaded. */
export async function createTensorflowEngine(
  options: Pick<TensorEngineOptions, 'problems' | 'network' | 'secondDerivatives' | 'slopeLimit'>,
): Promise<TensorEngine> {
  const { tf, device } = await loadTensorflow();
  useBackend(tf, 'tensorflow');
  const { network, secondDerivatives = false } = options;
  // plain operations where second derivatives are kept, or RNNProp's inputs are read: fused operations know neither
  const plain = secondDerivatives || hasMoments(network);
  const kernel = plain ? {} : { kernel: createFusedLstm({ tf, network }) };
  return new TensorEngine({ ...options, ...kernel, tf, device, name: 'tensorflow' });
}
