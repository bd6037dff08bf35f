/** Tensors that are disposed of together. Unlike tf.tidy, an arena may span awaits. */
import type * as tfjs from '@tensorflow/tfjs';

/** An object that frees its own tensors. */
interface Disposable {
  dispose(): void;
}

export class Arena {
  readonly #held = new Set<tfjs.Tensor>();
  readonly #passages: Disposable[] = [];

  /** Takes over tensors that no tf.tidy disposes of. */
  hold<T extends tfjs.Tensor | readonly tfjs.Tensor[]>(tensors: T): T {
    for (const tensor of [tensors].flat() as tfjs.Tensor[]) this.#held.add(tensor);
    return tensors;
  }

  /** Takes over a passage, which is disposed of before the tensors. */
  holdPassage<P extends Disposable>(passage: P): P {
    this.#passages.push(passage);
    return passage;
  }

  /** Gives tensors up: the caller disposes of them. */
  release<T extends tfjs.Tensor | readonly tfjs.Tensor[]>(tensors: T): T {
    for (const tensor of [tensors].flat() as tfjs.Tensor[]) this.#held.delete(tensor);
    return tensors;
  }

  /** Disposes of these tensors now. */
  drop(tensors: tfjs.Tensor | readonly tfjs.Tensor[]): void {
    for (const tensor of [this.release(tensors)].flat() as tfjs.Tensor[]) tensor.dispose();
  }

  dispose(): void {
    for (const passage of this.#passages.splice(0)) passage.dispose();
    for (const tensor of this.#held) tensor.dispose();
    this.#held.clear();
  }
}
