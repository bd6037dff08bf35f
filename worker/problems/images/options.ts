/** The options of every family that reads images. */
import type { OptionSpec, OptionValues, TrainingDefaults } from '../problem.js';

export const IMAGE_OPTIONS = {
  batch: { type: 'integer', default: 128, minimum: 1, describe: 'images per minibatch' },
  folder: {
    type: 'folder',
    describe: "folder with the files of MNIST's idx format or of CIFAR-10's binary format (default: MNIST itself)",
  },
} as const satisfies Record<string, OptionSpec>;

/** Where the images lie; undefined for MNIST itself. */
export function folderOf(options: OptionValues): string | undefined {
  return options['folder'] as string | undefined;
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
