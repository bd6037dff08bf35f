/** The passes that H·v adds to assembly/dense.ts against plain loops in float32, in the order that a port must keep. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillNormal, seedKey } from '../../shared/random.js';
import { instantiate } from '../../worker/devices/wasm-file.js';
import { ACTIVATIONS } from '../../worker/problems/dense.js';
import type { DenseKernel } from '../../worker/problems/dense-kernel.js';

const round = Math.fround;

/** Numbers of images, inputs and columns around vectors of four and the 20 columns that are computed at a time. */
const SHAPES: readonly (readonly [rows: number, inputs: number, columns: number])[] = [
  [1, 1, 1],
  [3, 5, 4],
  [5, 8, 13],
  [7, 11, 20],
  [4, 6, 45],
];

/** A kernel with random numbers where the passes read and write, and copies of them for plain loops. */
function place([rows, inputs, columns]: (typeof SHAPES)[number]) {
  const kernel = instantiate<DenseKernel>(new URL('../../worker/problems/dense.wasm', import.meta.url));
  kernel.memory.grow(1);
  let top = Math.ceil(kernel.heapBase() / 16) * 16;
  const allocate = (count: number) => {
    const address = top;
    top += Math.ceil(count / 4) * 16;
    return address;
  };
  const floats = (count: number, seed: number) => {
    const live = new Float32Array(kernel.memory.buffer, allocate(count), count);
    fillNormal(seedKey(seed), live);
    return { address: live.byteOffset, live, plain: live.slice() };
  };
  const width = Math.ceil(columns / 4) * 4;
  const inputWidth = Math.ceil(inputs / 4) * 4;
  const scene = {
    kernel,
    width,
    stride: 4 * width,
    inputWidth,
    a: floats(rows * inputWidth, 1),
    aChange: floats(rows * inputWidth, 2),
    d: floats(rows * width, 3),
    dChange: floats(rows * width, 4),
    weights: floats(inputs * width, 5),
    direction: floats(inputs * width, 6),
    lists: [allocate(rows), allocate(2 * rows * inputs)] as const,
  };
  assert.ok(top <= kernel.memory.buffer.byteLength);
  // inputs that are 0 are not listed
  for (let i = 0; i < scene.a.live.length; i += 3) scene.a.live[i] = scene.a.plain[i] = 0;
  kernel.listActivations(scene.a.address, rows, inputs, 4 * inputWidth, scene.stride, ...scene.lists);
  return scene;
}

/** (x₀ + x₁) + (x₂ + x₃) of four sums, of which sum i takes every fourth of the terms from i on. */
function sumOfLanes(terms: readonly number[]): number {
  const lanes = [0, 0, 0, 0];
  terms.forEach((term, i) => {
    lanes[i % 4] = round(lanes[i % 4]! + term);
  });
  const [a, b, c, d] = lanes as [number, number, number, number];
  return round(round(a + b) + round(c + d));
}

/** a′ and how it changes with a, each operation rounded. */
const SLOPES: Record<keyof typeof ACTIVATIONS, (a: number) => readonly [slope: number, change: number]> = {
  sigmoid: (a) => [round(a * round(1 - a)), round(1 - 2 * a)],
  tanh: (a) => [round(1 - round(a * a)), -2 * a],
  relu: (a) => [a > 0 ? 1 : 0, 0],
};

for (const shape of SHAPES) {
  const [rows, inputs, columns] = shape;
  const title = `${rows} images, ${inputs} inputs, ${columns} columns`;

  test(`multiply() has the bits of Σ over the inputs that are not 0, one after another: ${title}`, () => {
    const { kernel, a, weights, d, lists, width, stride, inputWidth } = place(shape);
    kernel.multiply(...lists, rows, weights.address, d.address, stride, d.address, stride);
    for (let row = 0; row < rows; row++) {
      for (let n = 0; n < inputs; n++) {
        const value = a.plain[row * inputWidth + n]!;
        if (value === 0) continue;
        for (let column = 0; column < width; column++) {
          const at = row * width + column;
          d.plain[at] = d.plain[at]! + round(value * weights.plain[n * width + column]!);
        }
      }
    }
    assert.deepEqual(d.live, d.plain);
  });

  test(`addOuterProducts() has the bits of Σ over the images, one after another: ${title}`, () => {
    const { kernel, a, weights: gradient, d, lists, width, stride, inputWidth } = place(shape);
    kernel.addOuterProducts(...lists, rows, d.address, gradient.address, stride);
    for (let row = 0; row < rows; row++) {
      for (let n = 0; n < inputs; n++) {
        for (let column = 0; column < width; column++) {
          const at = n * width + column;
          const term = round(a.plain[row * inputWidth + n]! * d.plain[row * width + column]!);
          gradient.plain[at] = gradient.plain[at]! + term;
        }
      }
    }
    assert.deepEqual(gradient.live, gradient.plain);
  });

  for (const [name, tag] of Object.entries(ACTIVATIONS)) {
    const slopesOf = SLOPES[name as keyof typeof ACTIVATIONS];

    test(`changeActivations() has the bits of r·a′ with ${name}: ${title}`, () => {
      const { kernel, a, aChange } = place(shape);
      kernel.changeActivations(tag, a.address, aChange.address, 4 * aChange.live.length);
      const expected = aChange.plain.map((r, i) => r * slopesOf(a.plain[i]!)[0]);
      // 0 has two signs
      assert.deepEqual(
        aChange.live.map((x) => x + 0),
        expected.map((x) => x + 0),
      );
    });

    test(`inputCurvature() has the bits of sums of four lanes with ${name}: ${title}`, () => {
      const { kernel, a, aChange, d, dChange, weights, direction, width, stride, inputWidth } = place(shape);
      const sizes = [rows, inputs, 4 * inputWidth] as const;
      const slopes = [d.address, dChange.address, weights.address, direction.address, stride] as const;
      kernel.inputCurvature(tag, a.address, aChange.address, ...sizes, ...slopes);
      for (let row = 0; row < rows; row++) {
        for (let n = 0; n < inputs; n++) {
          const lanes = Array.from(
            { length: width },
            (_, column) => [row * width + column, n * width + column] as const,
          );
          const dot = sumOfLanes(lanes.map(([i, j]) => round(weights.plain[j]! * d.plain[i]!)));
          // both products of a group of four before the next group
          const terms = [];
          for (let group = 0; group < width; group += 4) {
            const own = lanes.slice(group, group + 4);
            terms.push(...own.map(([i, j]) => round(weights.plain[j]! * dChange.plain[i]!)));
            terms.push(...own.map(([i, j]) => round(direction.plain[j]! * d.plain[i]!)));
          }
          const at = row * inputWidth + n;
          const [slope, change] = slopesOf(a.plain[at]!);
          a.plain[at] = dot * slope;
          const bent = round(dot * round(change * aChange.plain[at]!));
          aChange.plain[at] = round(sumOfLanes(terms) * slope) + bent;
        }
        a.plain.fill(0, row * inputWidth + inputs, (row + 1) * inputWidth);
      }
      assert.deepEqual(
        a.live.map((x) => x + 0),
        a.plain.map((x) => x + 0),
      );
      assert.deepEqual(
        aChange.live.map((x) => x + 0),
        aChange.plain.map((x) => x + 0),
      );
    });
  }
}
