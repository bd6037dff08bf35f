/** The options of every family that reads images. */
import type { OptionSpec, OptionValues, TrainingDefaults } from '../problem.js';
import type { ImageKind, ImageSet } from './image-set.js';
import { loadImages, readImageKind } from './load.js';

export const IMAGE_OPTIONS = {
  batch: { type: 'integer', default: 128, minimum: 1, alternatives: true, describe: 'images per minibatch' },
  size: {
    type: 'integer',
    default: 0,
    minimum: 0,
    describe:
      'height and width that images are averaged to by area, each pixel rounded to a whole byte; 0 leaves them as they are',
  },
  folder: {
    type: 'folder',
    describe: "folder with the files of MNIST's idx format or of CIFAR-10's binary format (default: MNIST itself)",
  },
} as const satisfies Record<string, OptionSpec>;

/** The images that the options name; throws as `loadImages` does. */
export function imagesOf(options: OptionValues): ImageSet {
  return loadImages(...sourceOf(options));
}

/** What a network must know about these images, without reading them; throws as `readImageKind` does. */
export function imageKindOf(options: OptionValues): ImageKind {
  return readImageKind(...sourceOf(options));
}

/** Where the images lie, undefined for MNIST itself, and the side that they are averaged to. */
function sourceOf(options: OptionValues): [folder: string | undefined, side: number | undefined] {
  return [options['folder'] as string | undefined, options['size'] as number | undefined];
}

/** Defaults of these families: their networks have thousands of parameters, so a shard has one problem. */
export const IMAGE_TRAINING = {
  problems: 1,
  shards: 2,
  unroll: 20,
  learningRate: 1e-3,
  outputScale: 0.01,
  evaluateEvery: 200,
  evaluateFunctions: 12,
} as const satisfies TrainingDefaults;
