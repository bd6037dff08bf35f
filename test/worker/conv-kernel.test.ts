/** The passes of assembly/conv.ts against plain loops in float32, in the order that a port to wider registers must keep. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillIntegers, fillNormal, seedKey } from '../../shared/random.js';
import { instantiate } from '../../worker/devices/wasm-file.js';
import type { ConvKernel } from '../../worker/problems/conv-kernel.js';

const round = Math.fround;

/** Numbers of inputs, columns and rows around groups of four and vectors of four and eight. */
const SHAPES: readonly (readonly [inputs: number, columns: number, rows: number])[] = [
  [1, 1, 1],
  [3, 4, 4],
  [4, 5, 7],
  [9, 12, 8],
  [18, 27, 13],
];

/** A kernel with random numbers where the passes read and write, and copies of them for plain loops. */
function place([inputs, columns, rows]: (typeof SHAPES)[number]) {
  const kernel = instantiate<ConvKernel>(new URL('../../worker/problems/conv.wasm', import.meta.url));
  kernel.memory.grow(1);
  let top = Math.ceil(kernel.heapBase() / 16) * 16;
  const floats = (count: number, seed: number) => {
    const address = top;
    top += Math.ceil(count / 4) * 16;
    const live = new Float32Array(kernel.memory.buffer, address, count);
    fillNormal(seedKey(seed), live);
    return { address, live, plain: live.slice() };
  };
  const table = (count: number, offsetOf: (i: number) => number) => {
    const address = top;
    top += Math.ceil(count / 4) * 16;
    const live = new Int32Array(kernel.memory.buffer, address, count);
    live.set(Array.from({ length: count }, (_, i) => offsetOf(i)));
    return { address, live };
  };
  const width = Math.ceil(columns / 4) * 4;
  const stride = 4 * width;
  const order = new Uint32Array(inputs);
  fillIntegers(seedKey(9), order, inputs);
  // no table is in order, and the pixels of several taps overlap, but not those of one
  const scene = {
    kernel,
    width,
    stride,
    x: floats(rows * width + 2 * inputs, 1),
    patches: table(rows, (row) => stride * (rows - 1 - row)),
    offsets: table(inputs, (n) => 4 * (order[n]! + n)),
    taps: table(inputs, (tap) => stride * ((tap * 5) % inputs)),
    weights: floats(inputs * width, 2),
    y: floats(rows * width, 3),
    places: table(rows, (row) => stride * ((row + 1) % rows)),
    gradient: floats(inputs * width, 4),
    bias: floats(width, 5),
    dx: floats((rows + inputs) * width, 6),
  };
  assert.ok(top <= kernel.memory.buffer.byteLength);
  return scene;
}

for (const shape of SHAPES) {
  const [inputs, columns, rows] = shape;
  const title = `${inputs} inputs, ${columns} columns, ${rows} rows`;

  test(`addProduct() has the bits of Σ over the inputs, one after another: ${title}`, () => {
    const { kernel, x, patches, offsets, weights, y, places, stride, width } = place(shape);
    const inputsOf = [x.address, patches.address, rows, offsets.address, inputs] as const;
    kernel.addProduct(...inputsOf, weights.address, y.address, places.address, stride);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < width; column++) {
        const at = places.live[row]! / 4 + column;
        for (let n = 0; n < inputs; n++) {
          const value = x.plain[(patches.live[row]! + offsets.live[n]!) / 4]!;
          y.plain[at] = y.plain[at]! + round(value * weights.plain[n * width + column]!);
        }
      }
    }
    assert.deepEqual(y.live, y.plain);
  });

  test(`addWeightGradient() and addBiasGradient() have the bits of Σ over the rows, one after another: ${title}`, () => {
    const { kernel, x, patches, offsets, gradient, bias, y, places, stride, width } = place(shape);
    const inputsOf = [x.address, patches.address, rows, offsets.address, inputs] as const;
    kernel.addWeightGradient(...inputsOf, y.address, places.address, gradient.address, stride);
    kernel.addBiasGradient(y.address, rows, places.address, bias.address, stride);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < width; column++) {
        const slope = y.plain[places.live[row]! / 4 + column]!;
        bias.plain[column] = bias.plain[column]! + slope;
        for (let n = 0; n < inputs; n++) {
          const value = x.plain[(patches.live[row]! + offsets.live[n]!) / 4]!;
          const at = n * width + column;
          gradient.plain[at] = gradient.plain[at]! + round(value * slope);
        }
      }
    }
    assert.deepEqual(gradient.live, gradient.plain);
    assert.deepEqual(bias.live, bias.plain);
  });

  test(`addInputGradient() has the bits of Σ over the outputs from 0, added tap after tap: ${title}`, () => {
    const { kernel, patches, taps, weights, y, places, stride, width, dx } = place(shape);
    // pixels are as wide as the rows of y
    const outputs = Math.min(columns, 1 + (inputs >> 1));
    const count = Math.floor(inputs / outputs);
    const slopes = [y.address, places.address, rows, outputs] as const;
    const transposed = [weights.address, count, taps.address] as const;
    kernel.addInputGradient(...slopes, ...transposed, dx.address, patches.address, stride);
    for (let tap = 0; tap < count; tap++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < width; column++) {
          let sum = 0;
          for (let output = 0; output < outputs; output++) {
            const slope = y.plain[places.live[row]! / 4 + output]!;
            sum = round(sum + round(slope * weights.plain[(tap * outputs + output) * width + column]!));
          }
          const at = (taps.live[tap]! + patches.live[row]!) / 4 + column;
          dx.plain[at] = dx.plain[at]! + sum;
        }
      }
    }
    assert.deepEqual(dx.live, dx.plain);
  });
}
