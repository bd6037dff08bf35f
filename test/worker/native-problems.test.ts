/** The closed forms of the image families in C against those in WebAssembly: equal to the last bit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillNormal, seedKey } from '../../shared/random.js';
import { instructionSets, nativeFault } from '../../worker/devices/native/load.js';
import type { DenseKernel } from '../../worker/problems/dense-kernel.js';
import { gradientOf, hessianOf } from '../../worker/problems/derivatives/derivatives.js';
import { passesOf } from '../../worker/problems/passes.js';
import type { Batch, ClosedForms, Problems } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { bitsOf } from '../fixtures/bits.js';
import { setVariable } from '../fixtures/environment.js';

type Options = Record<string, unknown>;

const CASES: readonly [family: string, options: Options][] = [
  ['mlp', {}],
  ['mlp', { hidden: [1], activation: 'relu', batch: 3, 'initial-scale': 0.5 }],
  ['mlp', { hidden: [7, 5], activation: 'tanh', batch: 65, 'initial-scale': 0.3 }],
  ['mlp', { hidden: [33, 17, 20], activation: 'relu', batch: 70, 'initial-scale': 0.2 }],
  ['mlp', { hidden: [], batch: 6, 'initial-scale': 0.1 }],
  ['mlp', { hidden: [70, 13, 2, 44], activation: 'tanh', batch: 6, 'initial-scale': 0.2 }],
  ['mlp', { hidden: [72], activation: 'sigmoid', batch: 9, 'initial-scale': 0.2 }],
  ['autoencoder', {}],
  ['autoencoder', { hidden: [13, 3, 9], activation: 'tanh', batch: 66, loss: 'cross-entropy' }],
  ['autoencoder', { hidden: [6], activation: 'sigmoid', batch: 5, loss: 'cross-entropy', 'initial-scale': 5 }],
  ['autoencoder', { hidden: [21], activation: 'relu', batch: 5, 'initial-scale': 3 }],
  ['mlp', { size: 8, hidden: [9], activation: 'tanh', batch: 5, 'permute-labels': 'true', 'invert-share': 1 }],
  ['conv', { size: 7, filters: [3], batch: 5, 'permute-labels': 'true', 'invert-share': 1 }],
  ['conv', {}],
  ['conv', { filters: [3, 9, 20], kernel: 5, batch: 7 }],
  ['conv', { filters: [70], kernel: 2, batch: 5, 'initial-scale': 2 }],
  ['conv', { filters: [5], kernel: 1, batch: 33 }],
  // sums over several chunks, the last one short, and more inputs than are taken apart at a time
  ['conv', { filters: [13, 17], kernel: 2, batch: 70 }],
  ['conv', { filters: [33, 3], batch: 6 }],
  ['conv', { filters: [], batch: 40 }],
];

const COUNT = 2;

async function family(name: string, options: Options): Promise<Problems> {
  return familyNamed(name).configure(optionValues(familyNamed(name), options));
}

/** θ of two problems: as drawn, with zeros and tiny numbers, or with one that cannot be computed with. */
function points(problems: Problems, drawn: Float32Array): Float32Array[] {
  const edged = drawn.slice();
  for (const [i, value] of [0, -0, 1e-40, -1e-30, 2].entries()) edged.fill(value, 11 * i, 11 * i + 3);
  const bad = [Number.NaN, Number.POSITIVE_INFINITY, 1e30].map((value, i) => {
    const theta = drawn.slice();
    theta[problems.coordinates - 1 - i] = value;
    return theta;
  });
  return [drawn, edged, ...bad];
}

function bytesOf(values: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(bitsOf(values).buffer);
}

/** Losses, gradients and H·v at every point, by these closed forms. */
async function derivatives(problems: Problems, forms: ClosedForms): Promise<(Float32Array | Float64Array)[]> {
  const key = seedKey(3);
  const { theta: drawn, data } = problems.draw(key, COUNT, 'train');
  const batch: Batch = { count: COUNT, data, key, split: 'train' };
  const gradient = await gradientOf(problems, forms);
  const product = await hessianOf(problems, forms);
  const results: (Float32Array | Float64Array)[] = [];
  points(problems, drawn).forEach((theta, step) => {
    const vector = new Float32Array(theta.length);
    fillNormal(seedKey(step), vector);
    const [slopes, curved, losses] = [new Float32Array(theta.length), vector.slice(), new Float64Array(COUNT)];
    gradient(theta, batch, step, slopes, losses);
    product(theta, vector, batch, step, curved);
    results.push(slopes, losses, curved);
  });
  return results;
}

describe('the native closed forms', { skip: nativeFault() }, () => {
  const sets = nativeFault() === undefined ? instructionSets() : [];
  for (const [name, options] of CASES) {
    for (const set of sets) {
      it(`have the bits of those in WebAssembly: ${name} ${JSON.stringify(options)}, ${set}`, async (test) => {
        setVariable(test, 'LOPT_NATIVE', set);
        const problems = await family(name, options);
        const [native, wasm] = [await derivatives(problems, 'native'), await derivatives(problems, 'wasm')];
        for (const [i, expected] of wasm.entries()) {
          const equal = Buffer.compare(bytesOf(native[i]!), bytesOf(expected)) === 0;
          assert.ok(equal, `result ${i}`);
        }
        for (const values of wasm.slice(0, 3)) assert.ok(values.some((value) => Number.isFinite(value) && value !== 0));
      });
    }
  }

  it('refuse arguments that cannot be right', () => {
    const passes = passesOf<DenseKernel & { activate(...words: number[]): void }>('dense', 'native');
    assert.throws(() => passes.activate(0, 2 ** 40, 16), RangeError);
    assert.throws(() => passes.activate(0, 64, -16), RangeError);
    assert.throws(() => passes.activate(0, 64.5, 16), RangeError);
    assert.throws(() => passes.activate(0, Number.NaN, 16), RangeError);
    assert.throws(() => passes.activate(0, 64), TypeError);
  });
});
