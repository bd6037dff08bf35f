/** Tensors that are disposed of together, across waits that tf.tidy does not reach over. */
import type * as tfjs from '@tensorflow/tfjs';

/** What frees its tensors by itself. */
interface Disposable {
  dispose(): void;
}

export class Arena {
  readonly #held = new Set<tfjs.Tensor>();
  readonly #passages: Disposable[] = [];

  /** Holds tensors that were made outside of tf.tidy, or came out of it. */
  hold<T extends tfjs.Tensor | readonly tfjs.Tensor[]>(tensors: T): T {
    for (const tensor of [tensors].flat() as tfjs.Tensor[]) this.#held.add(tensor);
    return tensors;
  }

  /** Holds what is made of tensors, such as a passage, and goes before they do. */
  holdPassage<P extends Disposable>(passage: P): P {
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
