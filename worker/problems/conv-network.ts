/** A convolutional network in the memory of assembly/conv.ts, and the passes that its gradient and its H·v share. */
import type { ConvKernel } from './conv-kernel.js';
import {
  type ConvLayer,
  convLayers,
  type FeatureMap,
  inputOffsets,
  outputOffsets,
  patchOffsets,
  pixelOffset,
  tapOffsets,
} from './conv-layout.js';
import { ACTIVATIONS } from './dense.js';
import { type ImageSet, imagesOf, valuesOf } from './images/image-set.js';
import { fillMinibatch } from './images/minibatch.js';
import { copyImage, type ImageView, type ViewOf } from './images/view.js';
import { coordinatesOf } from './parameters.js';
import { passesOf } from './passes.js';
import type { Batch, ClosedForms } from './problem.js';

/** The network and its data. */
export interface ConvOptions {
  /** Filters of each convolutional layer, of stride 2 and with relu; a dense layer to the classes follows. */
  filters: readonly number[];
  /** Height and width of a filter. */
  kernel: number;
  /** Images of a minibatch. */
  batch: number;
  images: ImageSet;
  /** How episodes see the images. */
  viewOf: ViewOf;
}

/** Addresses of the weights of each layer, [(inputs + 1) × stride], and of their transpose if the layer has one. */
export type Weights = readonly { readonly rows: number; readonly transposed: number }[];

/** The address of something for each feature map, such as the values or their gradient, for all images of a chunk. */
export type Maps = readonly number[];

/** A layer, with the addresses of its tables and of the gradient of its weights. */
interface PlacedLayer extends ConvLayer {
  /** Positions of the filters in an image. */
  positions: number;
  taps: number;
  inputOffsets: number;
  tapOffsets: number;
  patches: number;
  places: number;
  gradient: number;
}

/** Passes over the `count` images of a chunk. Layer l leads from map l to map l + 1. */
export interface ConvNetwork {
  /** Layers, the dense one included. */
  readonly depth: number;
  readonly coordinates: number;
  /** Memory for weights, and for something of every map. */
  allocateWeights(): Weights;
  allocateMaps(): Maps;
  /** Writes a vector [coordinates] into weights. Returns 0, or NaN if it is not finite. */
  load(vector: Float32Array, weights: Weights): number;
  /** Sets the gradient of all weights to 0, or copies it to `target` [coordinates]. */
  clearGradient(): void;
  storeGradient(target: Float32Array): void;
  /** Runs `chunk` on one part of a minibatch after another, whose images it places in `values`; returns the mean loss. */
  meanLoss(batch: Batch, problem: number, step: number, values: Maps, chunk: (count: number) => void): number;
  /** Runs all layers: fills `values` from the images on. */
  forward(count: number, weights: Weights, values: Maps): void;
  /** Turns the outputs in `values` into their gradient; adds their losses to those that `meanLoss` averages. */
  crossEntropy(count: number, values: Maps): void;
  /** Turns a change of the outputs into the change of their gradient; `d` holds the gradient. */
  crossEntropyCurvature(count: number, d: Maps, change: Maps): void;
  setBiases(l: number, count: number, weights: Weights, target: Maps): void;
  addProduct(l: number, count: number, x: Maps, weights: Weights, target: Maps): void;
  /** Adds xᵀ·d, or the sum of several such products. */
  addWeightGradient(l: number, count: number, ...products: readonly (readonly [x: Maps, d: Maps])[]): void;
  addBiasGradient(l: number, count: number, d: Maps): void;
  addInputGradient(l: number, count: number, d: Maps, weights: Weights, dx: Maps): void;
  /** Sets map m to 0: everywhere, or only where relu's result in `values` is not positive. */
  clear(m: number, count: number, target: Maps): void;
  mask(m: number, count: number, target: Maps, values: Maps): void;
}

/** Bytes of the values of a group of images, whose sums are made together: few enough to stay in the cache. */
const GROUP_BYTES = 65_536;
/** Groups of a chunk, which goes through the network together: a call of a native pass costs as much as some images. */
const CHUNK_GROUPS: Readonly<Record<ClosedForms, number>> = { wasm: 1, native: 8 };
const PAGE = 65_536;

/** Places a network in the memory of a kernel of its own. */
export function createConvNetwork(
  { filters, kernel: side, batch: size, images, viewOf }: ConvOptions,
  forms: ClosedForms,
): ConvNetwork {
  const kernel = passesOf<ConvKernel>('conv', forms);
  let top = kernel.heapBase();
  const allocate = (bytes: number): number => {
    const address = Math.ceil(top / 16) * 16;
    top = address + bytes;
    kernel.memory.grow(Math.max(0, Math.ceil((top - kernel.memory.buffer.byteLength) / PAGE)));
    return address;
  };
  const bytesAt = (address: number, length: number) => new Uint8Array(kernel.memory.buffer, address, length);
  const floatsAt = (address: number, length: number) => new Float32Array(kernel.memory.buffer, address, length);
  const placeTable = (table: Int32Array): number => {
    const address = allocate(table.byteLength);
    new Int32Array(kernel.memory.buffer, address, table.length).set(table);
    return address;
  };

  const shapes = convLayers(images.shape, filters, side, images.classes);
  const maps = [shapes[0]!.from, ...shapes.map(({ to }) => to)];
  // whatever a chunk is, sums are made of the same groups
  const group = groupOf(maps, size);
  const chunk = Math.min(size, group * CHUNK_GROUPS[forms]);
  const layers = shapes.map(
    (layer): PlacedLayer => ({
      ...layer,
      positions: layer.to.height * layer.to.width,
      taps: layer.patch[0] * layer.patch[1],
      inputOffsets: placeTable(inputOffsets(layer)),
      tapOffsets: placeTable(tapOffsets(layer)),
      patches: placeTable(patchOffsets(layer, chunk)),
      places: placeTable(outputOffsets(layer, chunk)),
      gradient: allocate((layer.inputs + 1) * layer.stride),
    }),
  );
  const depth = layers.length;
  const coordinates = coordinatesOf(layers);
  const flat = allocate(4 * coordinates);
  const values = valuesOf(images.shape);
  const pixelsFrom = allocate(values);
  const labels = allocate(chunk);
  const outputs = layers[depth - 1]!;
  const minibatch = new Uint32Array(size);
  let losses = 0;

  const inputsOf = ({ patches, positions, inputOffsets: offsets, inputs }: PlacedLayer, x: number, count: number) =>
    [x, patches, count * positions, offsets, inputs] as const;

  /** Copies an image into a map with its pixels' bytes as numbers. */
  function placeImage(pixels: Uint8Array, view: ImageView, target: number): void {
    const map = maps[0]!;
    copyImage(pixels, 0, values, view, bytesAt(pixelsFrom, values), 0);
    const [height, width] = [map.height, map.width * map.channels];
    kernel.spreadPixels(pixelsFrom, height, width, target + pixelOffset(map, 0, 0), map.rowBytes);
  }

  const network: ConvNetwork = {
    depth,
    coordinates,
    allocateWeights: () =>
      layers.map(({ inputs, stride, taps, outputs: columns, from }, l) => ({
        rows: allocate((inputs + 1) * stride),
        transposed: l === 0 ? 0 : allocate(taps * columns * from.pixelBytes),
      })),
    allocateMaps: () => maps.map(({ imageBytes }) => allocate(chunk * imageBytes)),
    load(vector, weights) {
      floatsAt(flat, coordinates).set(vector);
      let health = 0;
      let from = flat;
      for (const [l, { inputs, outputs: columns, stride, taps, from: map }] of layers.entries()) {
        const { rows, transposed } = weights[l]!;
        health += kernel.pack(from, inputs + 1, columns, rows, stride);
        if (l > 0) kernel.transpose(rows, taps, map.channels, columns, stride, transposed, map.pixelBytes);
        from += 4 * (inputs + 1) * columns;
      }
      return health;
    },
    clearGradient() {
      for (const { gradient, inputs, stride } of layers) bytesAt(gradient, (inputs + 1) * stride).fill(0);
    },
    storeGradient(target) {
      let to = flat;
      for (const { gradient, inputs, outputs: columns, stride } of layers) {
        kernel.unpack(gradient, inputs + 1, columns, stride, to);
        to += 4 * (inputs + 1) * columns;
      }
      target.set(floatsAt(flat, coordinates));
    },
    meanLoss(data, problem, step, [target], run) {
      const { pixels, labels: classes, count: available } = imagesOf(images, data);
      const view = viewOf(data.key);
      fillMinibatch(data.key, problem, step, available, minibatch);
      losses = 0;
      for (let from = 0; from < size; from += chunk) {
        const part = minibatch.subarray(from, from + chunk);
        part.forEach((image, i) => {
          placeImage(pixels.subarray(image * values, (image + 1) * values), view, target! + i * maps[0]!.imageBytes);
          bytesAt(labels, chunk)[i] = view.labels[classes[image]!]!;
        });
        run(part.length);
      }
      return losses / size;
    },
    forward(count, weights, x) {
      for (let l = 0; l < depth; l++) {
        network.setBiases(l, count, weights, x);
        network.addProduct(l, count, x, weights, x);
        if (l + 1 < depth) kernel.activate(ACTIVATIONS.relu, x[l + 1]!, count * maps[l + 1]!.imageBytes);
      }
    },
    crossEntropy(count, x) {
      const { outputs: classes, stride } = outputs;
      for (let from = 0; from < count; from += group) {
        const some = Math.min(group, count - from);
        losses += kernel.crossEntropy(x[depth]! + from * stride, some, classes, stride, labels + from, 1 / size);
      }
    },
    crossEntropyCurvature: (count, d, change) =>
      kernel.crossEntropyCurvature(d[depth]!, change[depth]!, count, outputs.stride, labels, 1 / size),
    setBiases(l, count, weights, target) {
      const { positions, inputs, stride, places } = layers[l]!;
      kernel.setRows(weights[l]!.rows + inputs * stride, count * positions, target[l + 1]!, places, stride);
    },
    addProduct(l, count, x, weights, target) {
      const layer = layers[l]!;
      const inputs = inputsOf(layer, x[l]!, count);
      kernel.addProduct(...inputs, weights[l]!.rows, target[l + 1]!, layer.places, layer.stride);
    },
    addWeightGradient(l, count, ...products) {
      const layer = layers[l]!;
      // a single one goes image by image in any case
      const most = products.length === 1 ? count : group;
      for (let from = 0; from < count; from += most) {
        for (const [x, d] of products) {
          const inputs = inputsOf(layer, x[l]! + from * layer.from.imageBytes, Math.min(most, count - from));
          const slopes = d[l + 1]! + from * layer.to.imageBytes;
          kernel.addWeightGradient(...inputs, slopes, layer.places, layer.gradient, layer.stride);
        }
      }
    },
    addBiasGradient(l, count, d) {
      const { positions, places, gradient, inputs, stride } = layers[l]!;
      kernel.addBiasGradient(d[l + 1]!, count * positions, places, gradient + inputs * stride, stride);
    },
    addInputGradient(l, count, d, weights, dx) {
      const { places, positions, outputs: columns, taps, tapOffsets: offsets, patches, from } = layers[l]!;
      const slopes = [d[l + 1]!, places, count * positions, columns] as const;
      kernel.addInputGradient(...slopes, weights[l]!.transposed, taps, offsets, dx[l]!, patches, from.pixelBytes);
    },
    clear: (m, count, target) => void bytesAt(target[m]!, count * maps[m]!.imageBytes).fill(0),
    mask: (m, count, target, x) => kernel.maskByRelu(target[m]!, x[m]!, count * maps[m]!.imageBytes),
  };
  return network;
}

/** How many images a group has: at least one, and a multiple of four if there are several. */
function groupOf(maps: readonly FeatureMap[], batch: number): number {
  const image = maps.reduce((sum, { imageBytes }) => sum + imageBytes, 0);
  const most = Math.floor(GROUP_BYTES / image);
  return Math.min(batch, most < 4 ? Math.max(1, most) : most & ~3);
}
