import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parametersOf, sizeOf } from '../../worker/problems/parameter-tensors.js';
import { familyFor, optionValues } from '../../worker/problems/registry.js';
import { type Drawn, drawCase, moments } from '../fixtures/drawn-problems.js';

/** One problem's tensors of θ_0 by their names. */
function tensorsOf({ problems, theta }: Drawn): Map<string, Float32Array> {
  let at = 0;
  return new Map(
    parametersOf(problems).map((tensor) => {
      const from = at;
      at += sizeOf(tensor);
      return [tensor.name, theta.slice(from, at)];
    }),
  );
}

/** Inputs of the layers of each family at these options. */
const NETWORKS = [
  ['mlp', { hidden: '30,40' }, [64, 30, 40]],
  ['autoencoder', { hidden: '30,40' }, [64, 30, 40]],
  ['conv', { filters: '20,30' }, [9, 9 * 20, 2 * 2 * 30]],
] as const;

/** What θ_0 should be, as deviations of the weights and biases of a layer with so many inputs, at a scale of 1. */
const DEVIATIONS: Readonly<Record<string, (inputs: number) => [weights: number, biases: number]>> = {
  normal: () => [1, 1],
  scaled: (inputs) => [1 / Math.sqrt(inputs), 1 / Math.sqrt(inputs)],
  'fan-in': (inputs) => [1 / Math.sqrt(inputs), 0],
};

for (const [family, options, inputs] of NETWORKS) {
  for (const [initialisation, deviationsOf] of Object.entries(DEVIATIONS)) {
    for (const scale of [undefined, 0.5]) {
      test(`${family} draws θ_0 ${initialisation} at the initial-scale ${scale ?? 'of its default'}`, async () => {
        const given = { size: 8, batch: 1, initialisation, ...options };
        const drawn = await drawCase({ family, options: scale ? { ...given, 'initial-scale': scale } : given }, 2);
        const s = scale ?? (initialisation === 'normal' ? 0.01 : 1);
        const tensors = [...tensorsOf(drawn).values()];
        for (const [l, n] of inputs.entries()) {
          const [weights, biases] = [tensors[2 * l]!, tensors[2 * l + 1]!];
          const [ofWeights, ofBiases] = deviationsOf(n);
          const [mean, deviation] = moments(weights);
          assert.ok(Math.abs(deviation / (s * ofWeights) - 1) < 4 / Math.sqrt(2 * weights.length), `${deviation}`);
          assert.ok(Math.abs(mean) < (4 * s * ofWeights) / Math.sqrt(weights.length), `${mean}`);
          if (ofBiases === 0) assert.ok(biases.every((bias) => bias === 0));
          else assert.ok(Math.abs(moments(biases)[1] / (s * ofBiases) - 1) < 4 / Math.sqrt(2 * biases.length));
        }
        // the second problem's, too, and not the first one's
        const { theta, coordinates } = drawn;
        const zeros = (from: number) => theta.subarray(from, from + coordinates).filter((x) => x === 0).length;
        assert.equal(zeros(coordinates), zeros(0));
        assert.notEqual(theta[coordinates], theta[0]);
      });
    }
  }
}

test('the default of initial-scale suits the initialisation, in a mix, too', () => {
  const scaleOf = (name: string, given: Record<string, unknown>, option: string) =>
    optionValues(familyFor(name, given), given)[option];
  assert.equal(scaleOf('mlp', {}, 'initial-scale'), 0.01);
  assert.equal(scaleOf('mlp', { initialisation: 'fan-in' }, 'initial-scale'), 1);
  assert.equal(scaleOf('mlp', { initialisation: 'fan-in', 'initial-scale': '3' }, 'initial-scale'), 3);
  assert.equal(scaleOf('conv', {}, 'initial-scale'), 1);
  assert.equal(scaleOf('conv', { initialisation: 'normal' }, 'initial-scale'), 0.01);
  const mix = { families: 'mlp,conv', 'mlp.initialisation': 'fan-in', 'conv.initialisation': 'normal' };
  assert.equal(scaleOf('mix', mix, 'mlp.initial-scale'), 1);
  assert.equal(scaleOf('mix', mix, 'conv.initial-scale'), 0.01);
});
