/** The feature maps of a convolutional network, and where they and its layers lie in the memory of assembly/conv.ts. */
import type { ImageShape } from './images/image-set.js';

/** Images, or the outputs of a layer, as they lie in memory: [images × rows × pixels × channels] f32. */
export interface FeatureMap extends ImageShape {
  /** Zeros above and to the left of the first pixel, in pixels: the padding of the layer that reads this map. */
  readonly top: number;
  readonly left: number;
  /** Bytes from pixel to pixel, from row to row and from image to image. */
  readonly pixelBytes: number;
  readonly rowBytes: number;
  readonly imageBytes: number;
}

/** A layer between two maps: a dense layer on the patch of each position. */
export interface ConvLayer {
  readonly from: FeatureMap;
  readonly to: FeatureMap;
  /** Pixels of a patch, row by row: [height, width]. */
  readonly patch: readonly [number, number];
  /** Values of a patch, and channels of the map it leads to. */
  readonly inputs: number;
  readonly outputs: number;
  /** Bytes of a row of weights or outputs, a multiple of 16. */
  readonly stride: number;
}

/** Pixels from one position of the filters to the next. */
const STEP = 2;

/** The images and the outputs of each convolutional layer, which halves height and width, rounded up. */
export function featureMaps(images: ImageShape, filters: readonly number[]): ImageShape[] {
  let { height, width } = images;
  const outputs = filters.map((channels) => {
    height = Math.ceil(height / STEP);
    width = Math.ceil(width / STEP);
    return { height, width, channels };
  });
  return [images, ...outputs];
}

/** The layers of a network; the last one is dense and leads to a map of one pixel with a channel for each class. */
export function convLayers(
  images: ImageShape,
  filters: readonly number[],
  kernel: number,
  classes: number,
): ConvLayer[] {
  const shapes = featureMaps(images, filters);
  const last = shapes.length - 1;
  const maps = shapes.map((shape, l) => {
    // the images have no gradient, so their channels need not fill vectors
    const pixelBytes = l === 0 ? 4 * shape.channels : vectorBytes(shape.channels);
    return l === last ? unpadded(shape, pixelBytes) : padded(shape, pixelBytes, kernel);
  });
  maps.push(unpadded({ height: 1, width: 1, channels: classes }, vectorBytes(classes)));
  return maps.slice(1).map((to, l): ConvLayer => {
    const from = maps[l]!;
    const patch = l === last ? ([from.height, from.width] as const) : ([kernel, kernel] as const);
    const inputs = patch[0] * patch[1] * from.channels;
    return { from, to, patch, inputs, outputs: to.channels, stride: to.pixelBytes };
  });
}

/** Where each pixel of a layer's patch lies, from the beginning of the patch. */
export function tapOffsets({ from, patch: [height, width] }: ConvLayer): Int32Array {
  return Int32Array.from(
    { length: height * width },
    (_, tap) => Math.floor(tap / width) * from.rowBytes + (tap % width) * from.pixelBytes,
  );
}

/** Where each input of a layer lies, from the beginning of the patch. */
export function inputOffsets(layer: ConvLayer): Int32Array {
  const { channels } = layer.from;
  const taps = tapOffsets(layer);
  return Int32Array.from({ length: layer.inputs }, (_, n) => taps[Math.floor(n / channels)]! + 4 * (n % channels));
}

/** Where the patch of each position begins in the map before a layer, image by image. */
export function patchOffsets({ from, to }: ConvLayer, images: number): Int32Array {
  return positions(to, images, (image, row, column) => {
    return image * from.imageBytes + STEP * (row * from.rowBytes + column * from.pixelBytes);
  });
}

/** Where the outputs of each position lie in the map after a layer, image by image. */
export function outputOffsets({ to }: ConvLayer, images: number): Int32Array {
  return positions(to, images, (image, row, column) => image * to.imageBytes + pixelOffset(to, row, column));
}

/** Where a pixel lies in its image. */
export function pixelOffset({ top, left, rowBytes, pixelBytes }: FeatureMap, row: number, column: number): number {
  return (top + row) * rowBytes + (left + column) * pixelBytes;
}

function positions(
  { height, width }: FeatureMap,
  images: number,
  offsetOf: (image: number, row: number, column: number) => number,
): Int32Array {
  return Int32Array.from({ length: images * height * width }, (_, i) => {
    const row = Math.floor(i / width);
    return offsetOf(Math.floor(row / height), row % height, i % width);
  });
}

function unpadded(shape: ImageShape, pixelBytes: number): FeatureMap {
  const rowBytes = shape.width * pixelBytes;
  return { ...shape, top: 0, left: 0, pixelBytes, rowBytes, imageBytes: wholeVectors(shape.height * rowBytes) };
}

/** A map with the zeros that TensorFlow's padding "same" puts around it: the smaller half above and to the left. */
function padded(shape: ImageShape, pixelBytes: number, kernel: number): FeatureMap {
  const [top, rows] = paddedSide(shape.height, kernel);
  const [left, columns] = paddedSide(shape.width, kernel);
  const rowBytes = columns * pixelBytes;
  return { ...shape, top, left, pixelBytes, rowBytes, imageBytes: wholeVectors(rows * rowBytes) };
}

/** How many zeros stand before a side, and its length with all that filters reach. */
function paddedSide(side: number, kernel: number): [before: number, length: number] {
  const reach = (Math.ceil(side / STEP) - 1) * STEP + kernel;
  const before = Math.max(0, reach - side) >> 1;
  return [before, Math.max(before + side, reach)];
}

/** Bytes of so many f32 in whole vectors. */
function vectorBytes(count: number): number {
  return wholeVectors(4 * count);
}

function wholeVectors(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
