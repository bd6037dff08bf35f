/** The options of every family that reads images. */
import type { OptionSpec } from '../problem.js';

export const IMAGE_OPTIONS = {
  batch: { type: 'integer', default: 128, minimum: 1, describe: 'images of a minibatch' },
  folder: {
    type: 'folder',
    describe: "folder with the files of MNIST's idx format or of CIFAR-10's binary format (default: MNIST itself)",
  },
} as const satisfies Record<string, OptionSpec>;
