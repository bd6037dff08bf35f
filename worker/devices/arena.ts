/** Tensors that are disposed of together, across waits that tf.tidy does not reach over. */
import type * as tfjs from '@tensorflow/tfjs';
import type { LstmPassage } from '../architectures/tensor-kernel.js';

export class Arena {
  readonly #held = new Set<tfjs.Tensor>();
  readonly #passages: LstmPassage[] = [];

  /** Holds tensors that were made outside of tf.tidy, or came out of it. */
  hold<T extends tfjs.Tensor | readonly tfjs.Tensor[]>(tensors: T): T {
    for (const tensor of [tensors].flat() as tfjs.Tensor[]) this.#held.add(tensor);
    return tensors;
  }

  /** Holds a passage, which goes before the tensors do. */
  holdPassage(passage: LstmPassage): LstmPassage {
    this.#passages.push(passage);
    return passage;
  }

  /** Gives tensors away: they are the caller's. */
  release<T extends tfjs.Tensor | readonly tfjs.Tensor[]>(tensors: T): T {
    for (const tensor of [tensors].flat() as tfjs.Tensor[]) this.#held.delete(tensor);
    return tensors;
  }

  /** Disposes of some of the tensors before the others. */
  drop(tensors: tfjs.Tensor | readonly tfjs.Tensor[]): void {
    for (const tensor of [this.release(tensors)].flat() as tfjs.Tensor[]) tensor.dispose();
  }

  dispose(): void {
    for (const passage of this.#passages.splice(0)) passage.dispose();
    for (const tensor of this.#held) tensor.dispose();
    this.#held.clear();
  }
}
