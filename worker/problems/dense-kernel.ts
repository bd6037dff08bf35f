/** The exports of assembly/dense.ts, losses.ts and dense-hessian.ts. */
import type { WasmMemory } from '../devices/web-assembly.js';

/** Sizes of a hidden layer's rows. */
type HiddenRows = [count: number, inputs: number, aStride: number];

/** A layer's inputs as the kernel lists them, for `count` images. */
type Listed = [ends: number, entries: number, count: number];

/** Sizes of the last layer's outputs, and the pixels that they should reconstruct. */
type Reconstructed = [count: number, outputs: number, stride: number, images: number, pixels: number, scale: number];

/** Sizes of the last layer's outputs, and the labels that they should tell. */
type Labelled = [stride: number, labels: number, scale: number];

/** Arguments are addresses and lengths in bytes, except for counts and scales. */
export interface DenseKernel {
  memory: WasmMemory;
  heapBase(): number;
  pack(source: number, rows: number, columns: number, target: number, stride: number): number;
  unpack(source: number, rows: number, columns: number, stride: number, target: number): void;
  listPixels(images: number, count: number, pixels: number, stride: number, ends: number, entries: number): void;
  listActivations(...a: [a: number, ...HiddenRows, stride: number, ends: number, entries: number]): void;
  forward(...layer: [...Listed, inputs: number, weights: number, z: number, stride: number]): void;
  multiply(...layer: [...Listed, weights: number, start: number, step: number, z: number, stride: number]): void;
  weightGradient(...layer: [...Listed, inputs: number, dz: number, gradient: number, stride: number]): void;
  addOuterProducts(...layer: [...Listed, dz: number, gradient: number, stride: number]): void;
  inputGradient(
    ...a: [activation: number, a: number, ...HiddenRows, dz: number, weights: number, stride: number]
  ): void;
  inputCurvature(
    ...a: [
      ...[activation: number, a: number, r: number, ...HiddenRows, dz: number, dzChange: number],
      ...[weights: number, direction: number, stride: number],
    ]
  ): void;
  activate(activation: number, z: number, bytes: number): void;
  changeActivations(activation: number, a: number, r: number, bytes: number): void;
  crossEntropy(z: number, count: number, classes: number, ...labels: Labelled): number;
  crossEntropyCurvature(d: number, r: number, count: number, ...labels: Labelled): void;
  squaredError(z: number, ...images: Reconstructed): number;
  squaredErrorCurvature(z: number, r: number, ...images: Reconstructed): void;
  binaryCrossEntropy(z: number, ...images: Reconstructed): number;
  binaryCrossEntropyCurvature(z: number, r: number, ...images: Reconstructed): void;
}
