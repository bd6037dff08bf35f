/** The exports of assembly/conv.ts. */
import type { WasmMemory } from '../devices/web-assembly.js';

/** A layer's inputs, row by row. */
type Inputs = [x: number, patches: number, rows: number, offsets: number, inputs: number];

/** Sizes of a layer's weights. */
type Taps = [taps: number, channels: number, outputs: number, stride: number];

/** The gradient of a layer's outputs, row by row. */
type Outputs = [d: number, places: number, rows: number, outputs: number];

/** What `transpose` made of a layer's weights. */
type Transposed = [transposed: number, taps: number, tapOffsets: number];

/** assembly/conv.ts. Arguments are addresses and lengths in bytes, except for counts and scales. */
export interface ConvKernel {
  memory: WasmMemory;
  heapBase(): number;
  pack(source: number, rows: number, columns: number, target: number, stride: number): number;
  unpack(source: number, rows: number, columns: number, stride: number, target: number): void;
  spreadPixels(pixels: number, height: number, width: number, target: number, rowBytes: number): void;
  transpose(...a: [weights: number, ...Taps, target: number, pixelBytes: number]): void;
  setRows(bias: number, rows: number, target: number, places: number, stride: number): void;
  addProduct(...a: [...Inputs, weights: number, target: number, places: number, stride: number]): void;
  addWeightGradient(...a: [...Inputs, d: number, places: number, gradient: number, stride: number]): void;
  addBiasGradient(d: number, rows: number, places: number, bias: number, stride: number): void;
  addInputGradient(...a: [...Outputs, ...Transposed, dx: number, patches: number, pixelBytes: number]): void;
  activate(activation: number, z: number, bytes: number): void;
  maskByRelu(d: number, activations: number, bytes: number): void;
  crossEntropy(z: number, count: number, classes: number, stride: number, labels: number, scale: number): number;
  crossEntropyCurvature(d: number, r: number, count: number, stride: number, labels: number, scale: number): void;
}
