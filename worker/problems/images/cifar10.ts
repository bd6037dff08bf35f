/** The binary files of CIFAR-10 (Krizhevsky 2009): colour images of 32 × 32 pixels in ten classes. */
import { checkLabels, type DataFile, type ImageFormat, sharedBytes, wrongFile } from './data-files.js';
import type { ImageKind, Images, LabelledImages } from './image-set.js';

const TRAINING = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`);
const TEST = 'test_batch.bin';

const CLASSES = 10;
const SIDE = 32;
const CHANNELS = 3;
const PLANE = SIDE * SIDE;
/** A record is the label, then the planes of red, green and blue. */
const RECORD = 1 + CHANNELS * PLANE;

const KIND: ImageKind = { shape: { height: SIDE, width: SIDE, channels: CHANNELS }, classes: CLASSES };

/** CIFAR-10's own files have 30 MB. */
const MOST_UNPACKED = 2 ** 28;

/** Any number of records per file. */
export const cifar10: ImageFormat = {
  name: "CIFAR-10's binary format",
  files: [...TRAINING, TEST],
  lengthOf: () => ({ stated: () => undefined, mostUnpacked: MOST_UNPACKED }),
  parse: (files): LabelledImages => ({
    ...KIND,
    training: imagesOf(TRAINING.map((name) => files.get(name)!)),
    test: imagesOf([files.get(TEST)!]),
  }),
  kindOf: () => KIND,
};

/** The images of all files, one after another, channels last. */
function imagesOf(files: readonly DataFile[]): Images {
  for (const { path, bytes } of files) {
    if (bytes.length % RECORD === 0) continue;
    throw wrongFile(path, `must be whole records of ${RECORD} bytes, got ${bytes.length} bytes`);
  }
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0);
  const pixels = sharedBytes(count * CHANNELS * PLANE);
  const labels = sharedBytes(count);
  let image = 0;
  for (const { path, bytes } of files) {
    const first = image;
    for (let at = 0; at < bytes.length; at += RECORD) {
      labels[image] = bytes[at]!;
      const target = image * CHANNELS * PLANE;
      for (let channel = 0; channel < CHANNELS; channel++) {
        const plane = at + 1 + channel * PLANE;
        for (let i = 0; i < PLANE; i++) pixels[target + i * CHANNELS + channel] = bytes[plane + i]!;
      }
      image += 1;
    }
    checkLabels(path, labels.subarray(first, image), CLASSES);
  }
  return { count, pixels, labels };
}
