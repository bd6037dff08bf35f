/** A dense network in the memory of assembly/dense.ts, and the passes that its gradient and its H·v share. */
import { ACTIVATIONS, type Activation, denseLayers } from './dense.js';
import type { DenseKernel } from './dense-kernel.js';
import { type ImageSet, imagesOf } from './images/image-set.js';
import { fillMinibatch } from './images/minibatch.js';
import { copyImage, type ViewOf } from './images/view.js';
import { coordinatesOf } from './parameters.js';
import { passesOf } from './passes.js';
import type { Batch, ClosedForms } from './problem.js';

/** The network and its data. */
export interface DenseOptions {
  /** Widths from the input, the values of an image, to the output. */
  sizes: readonly number[];
  activation: Activation;
  /** Images of a minibatch. */
  batch: number;
  images: ImageSet;
  /** How episodes see the images. */
  viewOf: ViewOf;
  /**
   * What the outputs z are compared with: the image's label, by softmax cross-entropy, or its pixels, by an error of
   * each σ(z). The loss is the mean over the images or over all their pixels.
   */
  objective: 'labels' | 'squared-error' | 'cross-entropy';
}

/** Addresses of the weights of each layer, [(inputs + 1) × stride], the bias last. */
export type Weights = readonly number[];

/** Addresses of something for each output of each layer, such as the outputs or their gradient, [CHUNK × stride]. */
export type Outputs = readonly number[];

/** The inputs of each layer that are not 0: where each image's list ends [CHUNK], and the lists, 8 bytes an input. */
export type Inputs = readonly { readonly ends: number; readonly entries: number }[];

/** Passes over the `count` images of a chunk. */
export interface DenseNetwork {
  readonly depth: number;
  readonly coordinates: number;
  /** How many terms the loss of a minibatch averages. */
  readonly terms: number;
  /** Memory for weights, and for something of all outputs or inputs. */
  allocateWeights(): Weights;
  allocateOutputs(): Outputs;
  allocateInputs(): Inputs;
  /** Writes a vector [coordinates] into weights. Returns 0, or NaN if it is not finite: no pass reads every weight. */
  load(vector: Float32Array, weights: Weights): number;
  /** Sets the gradient of all weights to 0, or copies it to `target` [coordinates]. */
  clearGradient(): void;
  storeGradient(target: Float32Array): void;
  /** Loads the chunks of a problem's minibatch one after another, and runs `chunk` on each. */
  eachChunk(batch: Batch, problem: number, step: number, chunk: (count: number) => void): void;
  /** Runs all layers: fills `x` from the images on, and z, whose hidden layers are activated. */
  forward(count: number, weights: Weights, x: Inputs, z: Outputs): void;
  /** Turns the last layer's outputs into their gradient; returns the sum of the losses. */
  compare(count: number, z: Outputs): number;
  /** The same without the losses; also turns a change of the outputs into the change of their gradient. */
  compareChange(count: number, z: Outputs, change: Outputs): void;
  /** Lists what stands in the outputs before layer l as its inputs. */
  list(l: number, count: number, z: Outputs, x: Inputs): void;
  /** z = x·W + b, or z += x·W. */
  multiply(l: number, count: number, x: Inputs, weights: Weights, z: Outputs): void;
  addProduct(l: number, count: number, x: Inputs, weights: Weights, z: Outputs): void;
  /** Turns a change of the outputs of a hidden layer into that of their activations a. */
  changeActivations(l: number, count: number, a: Outputs, change: Outputs): void;
  /** Adds xᵀ·dz to the gradient of the weights, with or without that of the biases. */
  addGradient(l: number, count: number, x: Inputs, dz: Outputs): void;
  addOuterProducts(l: number, count: number, x: Inputs, dz: Outputs): void;
  /** Turns the activations before layer l into the gradient before the activation; z holds dz of layer l. */
  inputGradient(l: number, count: number, z: Outputs, weights: Weights): void;
  /** The same; also turns the change of these activations into the change of that gradient. */
  inputCurvature(l: number, count: number, z: Outputs, change: Outputs, weights: Weights, direction: Weights): void;
}

/** Images that go through the network together, whatever the minibatch: few enough to stay in the cache. */
const CHUNK = 64;
const PAGE = 65_536;

/** Places a network in the memory of a kernel of its own. */
export function createDenseNetwork(
  { sizes, activation, batch, images, viewOf, objective }: DenseOptions,
  forms: ClosedForms,
): DenseNetwork {
  const kernel = passesOf<DenseKernel>('dense', forms);
  let top = kernel.heapBase();
  let bytes = new Uint8Array(kernel.memory.buffer);
  const allocate = (size: number): number => {
    const address = Math.ceil(top / 16) * 16;
    top = address + size;
    const missing = top - kernel.memory.buffer.byteLength;
    if (missing > 0) kernel.memory.grow(Math.ceil(missing / PAGE));
    bytes = new Uint8Array(kernel.memory.buffer);
    return address;
  };

  const layers = denseLayers(sizes).map(({ inputs, outputs }) => {
    const stride = Math.ceil(outputs / 4) * 16;
    return { inputs, outputs, stride, weightBytes: (inputs + 1) * stride };
  });
  const depth = layers.length;
  const last = layers[depth - 1]!;
  const allocateWeights = () => layers.map(({ weightBytes }) => allocate(weightBytes));
  // one after another, so that one call clears them
  const gradient = allocateWeights();
  const gradientEnd = top;
  const coordinates = coordinatesOf(layers);
  const flat = allocate(4 * coordinates);
  const values = sizes[0]!;
  // the kernel reads 16 pixels at a time: the padding after an image stays 0
  const imageStride = Math.ceil(values / 16) * 16;
  const imagesFrom = allocate(CHUNK * imageStride);
  const labels = allocate(CHUNK);
  const minibatch = new Uint32Array(batch);
  const tag = ACTIVATIONS[activation];
  const terms = objective === 'labels' ? batch : batch * values;

  const floats = () => new Float32Array(kernel.memory.buffer, flat, coordinates);
  const labelled = [last.stride, labels, 1 / terms] as const;
  const reconstructed = [last.outputs, last.stride, imagesFrom, imageStride, 1 / terms] as const;

  const network: DenseNetwork = {
    depth,
    coordinates,
    terms,
    allocateWeights,
    allocateOutputs: () => layers.map(({ stride }) => allocate(CHUNK * stride)),
    allocateInputs: () =>
      layers.map(({ inputs }) => ({ ends: allocate(4 * CHUNK), entries: allocate(8 * CHUNK * inputs) })),
    load(vector, weights) {
      floats().set(vector);
      let health = 0;
      let from = flat;
      for (const [l, { inputs, outputs, stride }] of layers.entries()) {
        health += kernel.pack(from, inputs + 1, outputs, weights[l]!, stride);
        from += 4 * (inputs + 1) * outputs;
      }
      return health;
    },
    clearGradient: () => void bytes.fill(0, gradient[0]!, gradientEnd),
    storeGradient(target) {
      let to = flat;
      for (const [l, { inputs, outputs, stride }] of layers.entries()) {
        kernel.unpack(gradient[l]!, inputs + 1, outputs, stride, to);
        to += 4 * (inputs + 1) * outputs;
      }
      target.set(floats());
    },
    eachChunk(data, problem, step, run) {
      const { pixels, labels: classes, count: available } = imagesOf(images, data);
      const view = viewOf(data.key);
      fillMinibatch(data.key, problem, step, available, minibatch);
      for (let from = 0; from < batch; from += CHUNK) {
        const size = Math.min(CHUNK, batch - from);
        for (let i = 0; i < size; i++) {
          const image = minibatch[from + i]!;
          copyImage(pixels, image, values, view, bytes, imagesFrom + i * imageStride);
          bytes[labels + i] = view.labels[classes[image]!]!;
        }
        run(size);
      }
    },
    forward(count, weights, x, z) {
      kernel.listPixels(imagesFrom, count, imageStride, layers[0]!.stride, x[0]!.ends, x[0]!.entries);
      for (let l = 0; l < depth; l++) {
        network.multiply(l, count, x, weights, z);
        if (l + 1 === depth) break;
        kernel.activate(tag, z[l]!, count * layers[l]!.stride);
        network.list(l + 1, count, z, x);
      }
    },
    compare(count, z) {
      const outputs = z[depth - 1]!;
      if (objective === 'labels') return kernel.crossEntropy(outputs, count, last.outputs, ...labelled);
      if (objective === 'squared-error') return kernel.squaredError(outputs, count, ...reconstructed);
      return kernel.binaryCrossEntropy(outputs, count, ...reconstructed);
    },
    compareChange(count, z, change) {
      const both = [z[depth - 1]!, change[depth - 1]!] as const;
      if (objective === 'labels') {
        network.compare(count, z);
        kernel.crossEntropyCurvature(...both, count, ...labelled);
      } else if (objective === 'squared-error') kernel.squaredErrorCurvature(...both, count, ...reconstructed);
      else kernel.binaryCrossEntropyCurvature(...both, count, ...reconstructed);
    },
    list(l, count, z, x) {
      const { inputs, stride } = layers[l]!;
      const { ends, entries } = x[l]!;
      kernel.listActivations(z[l - 1]!, count, inputs, layers[l - 1]!.stride, stride, ends, entries);
    },
    multiply(l, count, x, weights, z) {
      const { inputs, stride } = layers[l]!;
      kernel.forward(x[l]!.ends, x[l]!.entries, count, inputs, weights[l]!, z[l]!, stride);
    },
    addProduct(l, count, x, weights, z) {
      const { stride } = layers[l]!;
      kernel.multiply(x[l]!.ends, x[l]!.entries, count, weights[l]!, z[l]!, stride, z[l]!, stride);
    },
    changeActivations: (l, count, a, change) =>
      kernel.changeActivations(tag, a[l]!, change[l]!, count * layers[l]!.stride),
    addGradient(l, count, x, dz) {
      const { inputs, stride } = layers[l]!;
      kernel.weightGradient(x[l]!.ends, x[l]!.entries, count, inputs, dz[l]!, gradient[l]!, stride);
    },
    addOuterProducts(l, count, x, dz) {
      kernel.addOuterProducts(x[l]!.ends, x[l]!.entries, count, dz[l]!, gradient[l]!, layers[l]!.stride);
    },
    inputGradient(l, count, z, weights) {
      const rows = [count, layers[l]!.inputs, layers[l - 1]!.stride] as const;
      kernel.inputGradient(tag, z[l - 1]!, ...rows, z[l]!, weights[l]!, layers[l]!.stride);
    },
    inputCurvature(l, count, z, change, weights, direction) {
      const rows = [count, layers[l]!.inputs, layers[l - 1]!.stride] as const;
      const slopes = [z[l]!, change[l]!, weights[l]!, direction[l]!, layers[l]!.stride] as const;
      kernel.inputCurvature(tag, z[l - 1]!, change[l - 1]!, ...rows, ...slopes);
    },
  };
  return network;
}
