/** Minibatches of images: functions of (key, problem, step) alone. */
import { fillIntegers, foldIn, type Key } from '../../../shared/random.js';
import type { Batch } from '../problem.js';
import { streamKey } from '../streams.js';
import { type ImageSet, imagesOf, valuesOf } from './image-set.js';
import { copyImage, plainView, type ViewOf } from './view.js';

/** Fills `out` with the indices of minibatch `step` of a problem: uniform over `count` images, with replacement. */
export function fillMinibatch(key: Key, problem: number, step: number, count: number, out: Uint32Array): void {
  fillIntegers(foldIn(streamKey(key, 'minibatch', problem), step), out, count);
}

/**
 * The minibatches of all problems, `size` images each: pixels [P × size × values] from 0 to 1, labels [P × size].
 *
 * @param viewOf how episodes see the images. @default as they are
 */
export function gatherMinibatches(
  set: ImageSet,
  batch: Batch,
  step: number,
  size: number,
  viewOf: ViewOf = plainView(set),
): { pixels: Float32Array; labels: Int32Array } {
  const images = imagesOf(set, batch);
  const values = valuesOf(set.shape);
  const view = viewOf(batch.key);
  const bytes = new Uint8Array(values);
  const pixels = new Float32Array(batch.count * size * values);
  const labels = new Int32Array(batch.count * size);
  const minibatch = new Uint32Array(size);
  for (let p = 0; p < batch.count; p++) {
    fillMinibatch(batch.key, p, step, images.count, minibatch);
    minibatch.forEach((image, i) => {
      const row = p * size + i;
      labels[row] = view.labels[images.labels[image]!]!;
      copyImage(images.pixels, image, values, view, bytes, 0);
      for (let j = 0; j < values; j++) pixels[row * values + j] = bytes[j]! / 255;
    });
  }
  return { pixels, labels };
}
