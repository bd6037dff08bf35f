/** Makes the engine that a configuration names. */
import type { RunConfig } from '../../shared/config.js';
import { LoptError } from '../../shared/errors.js';
import type { Gradient, Problems } from '../problems/problem.js';
import type { Engine } from './engine.js';
import { WasmEngine } from './wasm/wasm-engine.js';

/** An engine by name, as `lopt engines` lists it. */
export interface EngineEntry {
  readonly name: string;
  readonly summary: string;
  create(config: RunConfig, problems: Problems, gradient: Gradient): Promise<Engine>;
}

const wasm: EngineEntry = {
  name: 'wasm',
  summary: 'SIMD kernel on the CPU, an instance for every thread',
  async create({ network, strict, secondDerivatives }, problems, gradient) {
    if (secondDerivatives) {
      throw new LoptError('Cannot keep second derivatives on engine "wasm": the engine must be "reference"');
    }
    return new WasmEngine({ problems, network, strict, gradient });
  },
};

const reference: EngineEntry = {
  name: 'reference',
  summary: 'plain TensorFlow.js operations and automatic differentiation: slow, to check the others by',
  async create({ network, secondDerivatives }, problems) {
    const { createReferenceEngine } = await import('./tensor/reference-engine.js');
    return createReferenceEngine({ problems, network, secondDerivatives });
  },
};

/** Every engine by name. */
export const ENGINES: ReadonlyMap<string, EngineEntry> = new Map([wasm, reference].map((entry) => [entry.name, entry]));
