/** Labelled images, and their splits. */
import { FileError } from '../../../shared/errors.js';
import type { Batch, Split } from '../problem.js';

/** Images and their labels. */
export interface Images {
  readonly count: number;
  /** [count × height × width × channels] bytes, channels last; the value of a pixel is byte/255. */
  readonly pixels: Uint8Array;
  /** [count], each from 0 to the set's classes − 1. */
  readonly labels: Uint8Array;
}

/** The size of an image. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** What a network must know about a data set. */
export interface ImageKind {
  readonly shape: ImageShape;
  readonly classes: number;
}

/** A data set as its files hold it. */
export interface LabelledImages extends ImageKind {
  readonly training: Images;
  readonly test: Images;
}

/** A data set as problems read it. */
export interface ImageSet extends ImageKind {
  /** `held-out` is the last sixth of the training images, rounded down, which `train` leaves out. */
  readonly splits: Readonly<Record<Split, Images>>;
  /** SHA-256 of each file's content, by the file's name. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** One in this many training images is held out. */
const HELD_OUT_SHARE = 6;

/** One in this many of the images of `train` is in its outer part. */
const OUTER_SHARE = 10;

/** Values of an image: its pixels times its channels. */
export function valuesOf({ height, width, channels }: ImageShape): number {
  return height * width * channels;
}

/** Splits a data set; throws FileError that names `folder` if there are too few images for three splits. */
export function splitImages(
  folder: string,
  { shape, classes, training, test }: LabelledImages,
  hashes: ImageSet['hashes'],
): ImageSet {
  if (training.count < HELD_OUT_SHARE || test.count === 0) {
    const needed = `at least ${HELD_OUT_SHARE} images to train on and 1 to test on`;
    const message = `it must hold ${needed}, and holds ${training.count} and ${test.count}`;
    throw new FileError(folder, `Cannot read images from ${folder}: ${message}`);
  }
  const boundary = training.count - Math.floor(training.count / HELD_OUT_SHARE);
  return {
    shape,
    classes,
    splits: {
      train: range(training, shape, 0, boundary),
      'held-out': range(training, shape, boundary, training.count),
      test,
    },
    hashes,
  };
}

/**
 * The images that a batch reads. The outer part of `train` is its last tenth, rounded down but at least one image; the
 * inner part is the others.
 */
export function imagesOf({ shape, splits }: ImageSet, { split, part }: Pick<Batch, 'split' | 'part'>): Images {
  const images = splits[split];
  if (split !== 'train' || !part) return images;
  const boundary = images.count - Math.max(1, Math.floor(images.count / OUTER_SHARE));
  return part === 'inner' ? range(images, shape, 0, boundary) : range(images, shape, boundary, images.count);
}

/** The images from one index up to another. */
function range({ pixels, labels }: Images, shape: ImageShape, from: number, to: number): Images {
  const values = valuesOf(shape);
  return {
    count: to - from,
    pixels: pixels.subarray(from * values, to * values),
    labels: labels.subarray(from, to),
  };
}
