/** The closed-form gradient of dense networks: lays out the memory of assembly/dense.ts and runs its passes in order. */

import { instantiate } from '../devices/wasm-file.js';
import type { WasmMemory } from '../devices/web-assembly.js';
import { ACTIVATIONS, type Activation, denseLayers } from './dense.js';
import type { ImageSet } from './images/image-set.js';
import { fillMinibatch } from './images/minibatch.js';
import { coordinatesOf } from './parameters.js';
import type { Gradient } from './problem.js';

/** The network and the data that the gradient is computed for. */
export interface DenseOptions {
  /** Widths from the input, the values of an image, to the output. */
  sizes: readonly number[];
  activation: Activation;
  /** Images of a minibatch. */
  batch: number;
  images: ImageSet;
  /**
   * What the outputs z are compared with: the image's label, by softmax cross-entropy, or its pixels, by an error of
   * each σ(z). The loss is the mean over the images or over all their pixels.
   */
  objective: 'labels' | 'squared-error' | 'cross-entropy';
}

/** Activations of a hidden layer, row by row. */
type HiddenRows = [a: number, count: number, inputs: number, aStride: number];

/** A layer's inputs as the kernel lists them, for `count` images. */
type Listed = [ends: number, entries: number, count: number, inputs: number];

/** The last layer's outputs, and the pixels that they should reconstruct. */
type Reconstructed = [z: number, count: number, outputs: number, stride: number, images: number, pixels: number];

/** assembly/dense.ts. Arguments are addresses and lengths in bytes, except for counts and scales. */
interface Kernel {
  memory: WasmMemory;
  heapBase(): number;
  pack(source: number, rows: number, columns: number, target: number, stride: number): number;
  unpack(source: number, rows: number, columns: number, stride: number, target: number): void;
  listPixels(images: number, count: number, pixels: number, stride: number, ends: number, entries: number): void;
  listActivations(...a: [...HiddenRows, stride: number, ends: number, entries: number]): void;
  forward(...layer: [...Listed, weights: number, z: number, stride: number]): void;
  weightGradient(...layer: [...Listed, dz: number, gradient: number, stride: number]): void;
  inputGradient(...a: [activation: number, ...HiddenRows, dz: number, weights: number, stride: number]): void;
  activate(activation: number, z: number, bytes: number): void;
  crossEntropy(z: number, count: number, classes: number, stride: number, labels: number, scale: number): number;
  squaredError(...a: [...Reconstructed, scale: number]): number;
  binaryCrossEntropy(...a: [...Reconstructed, scale: number]): number;
}

/** A layer's place in the kernel's memory. */
interface Layer {
  inputs: number;
  outputs: number;
  /** Bytes of a row of outputs, a multiple of 16. */
  stride: number;
  /** [(inputs + 1) × stride], the bias last; their gradient likewise. */
  weights: number;
  gradient: number;
  /** The inputs that are not 0: where each image's list ends [CHUNK], and the lists [CHUNK × inputs, 8 bytes each]. */
  ends: number;
  entries: number;
  /** [CHUNK × stride]: the layer's outputs, and in the backward pass their gradient. */
  z: number;
}

/** Images that go through the network together, whatever the minibatch: few enough to stay in the cache. */
const CHUNK = 64;
const PAGE = 65_536;

/** Makes the gradient of the mean loss over minibatch `step`, one problem after another. */
export function createDenseGradient({ sizes, activation, batch, images, objective }: DenseOptions): Gradient {
  const kernel = instantiate<Kernel>(new URL('./dense.wasm', import.meta.url));
  let top = kernel.heapBase();
  const allocate = (bytes: number): number => {
    const address = Math.ceil(top / 16) * 16;
    top = address + bytes;
    return address;
  };

  const layers: Layer[] = denseLayers(sizes).map(({ inputs, outputs }) => {
    const stride = Math.ceil(outputs / 4) * 16;
    return {
      inputs,
      outputs,
      stride,
      ends: allocate(4 * CHUNK),
      entries: allocate(8 * CHUNK * inputs),
      z: allocate(CHUNK * stride),
      weights: allocate((inputs + 1) * stride),
      gradient: 0,
    };
  });
  // side by side, so that one call clears them
  const gradientsFrom = allocate(0);
  for (const layer of layers) layer.gradient = allocate((layer.inputs + 1) * layer.stride);
  const gradientsTo = top;
  const coordinates = coordinatesOf(layers);
  const flatFrom = allocate(4 * coordinates);
  const values = sizes[0]!;
  // the kernel reads 16 pixels at a time: the padding after an image stays 0
  const imageStride = Math.ceil(values / 16) * 16;
  const imagesFrom = allocate(CHUNK * imageStride);
  const labelsFrom = allocate(CHUNK);
  kernel.memory.grow(Math.max(0, Math.ceil((top - kernel.memory.buffer.byteLength) / PAGE)));

  const bytes = new Uint8Array(kernel.memory.buffer);
  const flat = new Float32Array(kernel.memory.buffer, flatFrom, coordinates);
  const minibatch = new Uint32Array(batch);
  const tag = ACTIVATIONS[activation];
  const first = layers[0]!;
  const last = layers.at(-1)!;
  /** How many terms the loss averages. */
  const terms = objective === 'labels' ? batch : batch * values;

  /** Loads θ from `flat`. Returns 0, or NaN if θ is not finite: the sparse product does not read every weight. */
  function loadParameters(): number {
    let health = 0;
    let from = flatFrom;
    for (const { inputs, outputs, weights, stride } of layers) {
      health += kernel.pack(from, inputs + 1, outputs, weights, stride);
      from += 4 * (inputs + 1) * outputs;
    }
    return health;
  }

  function storeGradient(): void {
    let from = flatFrom;
    for (const { inputs, outputs, gradient, stride } of layers) {
      kernel.unpack(gradient, inputs + 1, outputs, stride, from);
      from += 4 * (inputs + 1) * outputs;
    }
  }

  /** Turns the last layer's outputs into their gradient and returns the sum of the losses. */
  function compareOutputs(count: number): number {
    const { z, outputs, stride } = last;
    if (objective === 'labels') return kernel.crossEntropy(z, count, outputs, stride, labelsFrom, 1 / terms);
    const compare = objective === 'squared-error' ? kernel.squaredError : kernel.binaryCrossEntropy;
    return compare(z, count, outputs, stride, imagesFrom, imageStride, 1 / terms);
  }

  /** Runs `count` images forward and backward, adds to the layers' gradients and returns the sum of the losses. */
  function runChunk(count: number): number {
    kernel.listPixels(imagesFrom, count, imageStride, first.stride, first.ends, first.entries);
    for (const [l, { ends, entries, inputs, weights, z, stride }] of layers.entries()) {
      kernel.forward(ends, entries, count, inputs, weights, z, stride);
      const next = layers[l + 1];
      if (!next) break;
      kernel.activate(tag, z, count * stride);
      kernel.listActivations(z, count, next.inputs, stride, next.stride, next.ends, next.entries);
    }
    const loss = compareOutputs(count);
    for (let l = layers.length - 1; l >= 0; l--) {
      const { ends, entries, inputs, weights, gradient, z, stride } = layers[l]!;
      kernel.weightGradient(ends, entries, count, inputs, z, gradient, stride);
      const before = layers[l - 1];
      if (before) kernel.inputGradient(tag, before.z, count, inputs, before.stride, z, weights, stride);
    }
    return loss;
  }

  return (theta, { count, key, split }, step, gradient, losses) => {
    const { pixels, labels, count: available } = images.splits[split];
    for (let p = 0; p < count; p++) {
      flat.set(theta.subarray(p * coordinates, (p + 1) * coordinates));
      const health = loadParameters();
      bytes.fill(0, gradientsFrom, gradientsTo);
      fillMinibatch(key, p, step, available, minibatch);
      let loss = 0;
      for (let from = 0; from < batch; from += CHUNK) {
        const size = Math.min(CHUNK, batch - from);
        for (let i = 0; i < size; i++) {
          const image = minibatch[from + i]!;
          bytes.set(pixels.subarray(image * values, (image + 1) * values), imagesFrom + i * imageStride);
          bytes[labelsFrom + i] = labels[image]!;
        }
        loss += runChunk(size);
      }
      storeGradient();
      gradient.set(flat, p * coordinates);
      losses[p] = loss / terms + health;
    }
  };
}
