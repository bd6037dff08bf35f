/** The reference engine over the wasm backend of TensorFlow.js: twenty seconds more for a backend that nobody trains on. */
import { testTensorEngine } from '../contracts/tensor-engine.js';
import { wasmBackend } from '../fixtures/tfjs-wasm.js';

testTensorEngine({ name: 'reference over tfjs wasm', load: wasmBackend, lacks: ['conv'] });
