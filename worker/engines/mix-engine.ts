/** The engine of a mix of problem families: one engine a family, picked by a shard's key. */
import type { Key } from '../../shared/random.js';
import type { BeginRequest, Engine, ShardState, WindowRequest, WindowResult } from './engine.js';
import type { RolloutRequest } from './rollout.js';

export class MixEngine implements Engine {
  readonly name: string;
  readonly description: string;
  /** The engines of the families, in the order of the mixture's components; all of one kind. */
  readonly engines: readonly Engine[];
  readonly #pick: (key: Key) => number;

  /** @param engines at least one, all of one architecture; closed with this engine */
  constructor(engines: readonly Engine[], pick: (key: Key) => number) {
    const { name, description } = engines[0]!;
    this.name = name;
    this.description = description;
    this.engines = engines;
    this.#pick = pick;
  }

  begin(request: BeginRequest): Promise<ShardState> {
    return this.#engineOf(request.key).begin(request);
  }

  window(request: WindowRequest): Promise<WindowResult> {
    return this.#engineOf(request.state.key).window(request);
  }

  rollout(phi: Float32Array, request: RolloutRequest): Promise<Float64Array> {
    return this.#engineOf(request.key).rollout(phi, request);
  }

  close(): void {
    for (const engine of this.engines) engine.close();
  }

  #engineOf(key: Key): Engine {
    return this.engines[this.#pick(key)]!;
  }
}
