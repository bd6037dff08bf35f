/** The reference engine over the wasm backend of TensorFlow.js: a file of its own, so that both are tested at a time. */
import { testTensorEngine } from '../contracts/tensor-engine.js';
import { wasmBackend } from '../fixtures/tfjs-wasm.js';

testTensorEngine({ name: 'reference over tfjs wasm', load: wasmBackend, lacks: ['conv'] });
