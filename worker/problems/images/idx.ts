/** The idx files of MNIST (LeCun et al. 1998) and of data sets in the same format, such as Fashion-MNIST. */
import {
  type Beginning,
  type ContentLength,
  checkLabels,
  type DataFile,
  type ImageFormat,
  readBeginning,
  readDataFile,
  sharedBytes,
  wrongFile,
} from './data-files.js';
import type { ImageShape, Images, LabelledImages } from './image-set.js';

const TRAINING = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'] as const;
const TEST = ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'] as const;

/** The most values of an image, so that a gradient fits into memory. */
const MOST_VALUES = 2 ** 20;

/** The largest file of EMNIST has half as many. */
const MOST_UNPACKED = 2 ** 30;

/** Images of any size and number; the classes are 0 to the largest label of the training images. */
export const idx: ImageFormat = {
  name: "MNIST's idx format",
  files: [...TRAINING, ...TEST],
  lengthOf,
  parse(files): LabelledImages {
    const pair = (names: readonly [string, string]) => [files.get(names[0])!, files.get(names[1])!] as const;
    const [trainingImages, trainingLabels] = pair(TRAINING);
    const [testImages, testLabels] = pair(TEST);
    const training = imagesOf(trainingImages, trainingLabels);
    const test = imagesOf(testImages, testLabels);
    if (sizeText(test.shape) !== sizeText(training.shape)) {
      const needed = `must hold images of ${sizeText(training.shape)} pixels, as ${trainingImages.path} does`;
      throw wrongFile(testImages.path, `${needed}, got ${sizeText(test.shape)}`);
    }
    const classes = classesOf(training.images.labels);
    checkLabels(testLabels.path, test.images.labels, classes);
    return { shape: training.shape, classes, training: training.images, test: test.images };
  },
  kindOf(paths) {
    const [images, labels] = TRAINING;
    const header = readBeginning(paths.get(images)!, headerLength(3));
    return {
      shape: shapeOf(header.path, sizesOf(header, 3)),
      classes: classesOf(parseIdx(readDataFile(paths.get(labels)!, lengthOf(labels)), 1).content),
    };
  },
};

function lengthOf(name: string): ContentLength {
  const rank = name === TRAINING[0] || name === TEST[0] ? 3 : 1;
  return { stated: (beginning) => lengthFor(sizesOf(beginning, rank)), mostUnpacked: MOST_UNPACKED };
}

/** The length of a file with content of these sizes. */
function lengthFor(sizes: readonly number[]): number {
  return headerLength(sizes.length) + sizes.reduce((product, size) => product * size);
}

function classesOf(labels: Uint8Array): number {
  return labels.reduce((largest, label) => Math.max(largest, label), 0) + 1;
}

/**
 * Reads an idx file of unsigned bytes: a header of big-endian 32-bit integers (0x800 + rank, then the size of every
 * dimension) and the bytes. Throws FileError if the header is wrong, or the file is not as long as it says.
 */
export function parseIdx(file: DataFile, rank: number): { sizes: number[]; content: Uint8Array } {
  const { path, bytes } = file;
  const sizes = sizesOf(file, rank);
  const length = lengthFor(sizes);
  if (bytes.length !== length) {
    throw wrongFile(path, `must be ${length} bytes long, as its header says, got ${bytes.length}`);
  }
  return { sizes, content: bytes.subarray(headerLength(rank)) };
}

function headerLength(rank: number): number {
  return 4 + 4 * rank;
}

/** The size of every dimension, from the header alone. */
function sizesOf({ path, bytes }: Beginning, rank: number): number[] {
  const header = headerLength(rank);
  if (bytes.length < header) {
    throw wrongFile(path, `must begin with an idx header of ${header} bytes, and has ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, header);
  const magic = view.getUint32(0);
  if (magic !== 0x800 + rank) {
    const needed = `must begin with ${hexadecimal(0x800 + rank)}, as idx files of bytes in ${rank} dimensions do`;
    throw wrongFile(path, `${needed}, got ${hexadecimal(magic)}`);
  }
  return Array.from({ length: rank }, (_, dimension) => view.getUint32(4 + 4 * dimension));
}

/** The size of the images of an idx file [count, height, width]. */
function shapeOf(path: string, sizes: readonly number[]): ImageShape {
  const [, height, width] = sizes as [number, number, number];
  const values = height * width;
  if (values < 1 || values > MOST_VALUES) {
    throw wrongFile(path, `must hold images of 1 to ${MOST_VALUES} pixels, got ${height} × ${width}`);
  }
  return { height, width, channels: 1 };
}

function imagesOf(imageFile: DataFile, labelFile: DataFile): { shape: ImageShape; images: Images } {
  const { sizes, content } = parseIdx(imageFile, 3);
  const shape = shapeOf(imageFile.path, sizes);
  const count = sizes[0]!;
  const { content: labels } = parseIdx(labelFile, 1);
  if (labels.length !== count) {
    throw wrongFile(labelFile.path, `must hold a label for each of the ${count} images, got ${labels.length}`);
  }
  return {
    shape,
    images: {
      count,
      pixels: sharedBytes(content.length, content),
      labels: sharedBytes(count, labels),
    },
  };
}

function sizeText({ height, width }: ImageShape): string {
  return `${height} × ${width}`;
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
