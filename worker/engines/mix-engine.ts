/** The engine of a mixture of problem distributions: one engine a component, picked by a shard's key. */
import type { Mixture } from '../problems/problem.js';
import { Recent } from '../problems/recent.js';
import type { BeginRequest, Engine, ShardState, WindowRequest, WindowResult } from './engine.js';
import type { RolloutRequest } from './rollout.js';

/** The components of a mixture, and how an engine for one is made. */
export interface MixEngineOptions extends Pick<Mixture, 'pick' | 'probes'> {
  /** Makes the engine of the component with this index; all are of one kind and one architecture. */
  create(index: number): Promise<Engine>;
  /** How many engines are open at once, at least 1; the one that was used least recently is closed first. */
  most: number;
}

export class MixEngine implements Engine {
  readonly name: string;
  readonly description: string;
  /** As in the mixture. */
  readonly probes: readonly number[];
  readonly #options: MixEngineOptions;
  readonly #open: Recent<Engine>;

  private constructor(options: MixEngineOptions, { name, description }: Engine, open: Recent<Engine>) {
    this.name = name;
    this.description = description;
    this.probes = options.probes;
    this.#options = options;
    this.#open = open;
  }

  /** Opens the engine of the first probe; the others are opened when their components are met. */
  static async open(options: MixEngineOptions): Promise<MixEngine> {
    const open = new Recent<Engine>(options.most);
    const first = await options.create(options.probes[0]!);
    open.put(options.probes[0]!, first);
    return new MixEngine(options, first, open);
  }

  async begin(request: BeginRequest): Promise<ShardState> {
    return (await this.engineAt(this.#options.pick(request.key))).begin(request);
  }

  async window(request: WindowRequest): Promise<WindowResult> {
    return (await this.engineAt(this.#options.pick(request.state.key))).window(request);
  }

  async rollout(phi: Float32Array, request: RolloutRequest): Promise<Float64Array> {
    return (await this.engineAt(this.#options.pick(request.key))).rollout(phi, request);
  }

  /** The engine of the component with this index. It may be closed when another component's is asked for. */
  async engineAt(index: number): Promise<Engine> {
    const found = this.#open.get(index);
    if (found) return found;
    const made = await this.#options.create(index);
    this.#open.put(index, made)?.close();
    return made;
  }

  close(): void {
    for (const engine of this.#open.values()) engine.close();
  }
}
