/** LearnedOptimizer with a rule that steps tensors as a whole: `mlp`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { LearnedOptimizer } from 'lopt';
import { MLP_RULES, type MlpConfig } from '../../shared/architectures/mlp.js';
import { initialPhi } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import { stateLengths } from '../../worker/architectures/layout.js';
import { mlpStep } from '../../worker/architectures/mlp/definition.js';
import { disposeTensorsOfTests, valuesOf, WAYS, withVariables } from '../fixtures/learned.js';
import { Draws } from '../fixtures/random-draws.js';

const SHAPES = [[4, 3], [3], [2, 2, 5]];
const STEPS = 4;
const HORIZON = 10;

function learned(rule: MlpConfig['rule']) {
  const architecture: MlpConfig = {
    type: 'mlp',
    rule,
    units: [8, 5],
    stepScale: 1,
    schedule: 'own',
    orthogonalise: rule === 'celo2',
  };
  const draws = new Draws(1);
  const phi = new Float32Array(initialPhi(architecture, seedKey(2)));
  draws.normal(phi.length, 0.1).forEach((value, i) => {
    phi[i]! += value;
  });
  return { architecture, phi };
}

const draws = new Draws(9);
const sizes = SHAPES.map((shape) => shape.reduce((product, size) => product * size, 1));
const start = sizes.map((size) => draws.normal(size, 0.3));
const gradients = Array.from({ length: STEPS }, () => sizes.map((size) => draws.normal(size, 0.1)));

/** Sets the variables to where they start. */
function reset(variables: readonly tf.Variable[]): void {
  variables.forEach((variable, v) => {
    variable.assign(tf.tensor(start[v]!, variable.shape));
  });
}

function applyStep(optimizer: LearnedOptimizer, variables: readonly tf.Variable[], step: number): void {
  const named = variables.map(({ name, shape }, v) => [name, tf.tensor(gradients[step]![v]!, shape)] as const);
  optimizer.applyGradients(Object.fromEntries(named));
}

describe('LearnedOptimizer with architecture mlp', () => {
  disposeTensorsOfTests();

  for (const compute of WAYS) {
    for (const rule of MLP_RULES) {
      it(`steps as the definition says, by ${compute}: ${rule}`, async () => {
        const own = learned(rule);
        await withVariables(SHAPES, async (variables) => {
          reset(variables);
          const optimizer = new LearnedOptimizer(own, { compute, steps: HORIZON });
          const layout = { problems: 1, tensors: SHAPES };
          let state: readonly Float64Array[] = stateLengths(own.architecture, layout).map((n) => new Float64Array(n));
          for (let step = 0; step < STEPS; step++) {
            const theta = Float64Array.from(valuesOf(variables).flatMap((values) => [...values]));
            const gradient = Float64Array.from(gradients[step]!.flatMap((values) => [...values]));
            const input = { gradient, theta, layout, clock: { step, horizon: HORIZON } };
            const next = mlpStep(own.architecture, Float64Array.from(own.phi), input, state);
            state = next.state;
            applyStep(optimizer, variables, step);
            const after = valuesOf(variables).flatMap((values) => [...values]);
            const largest = Math.max(...next.updates.map(Math.abs));
            after.forEach((value, i) => {
              const expected = theta[i]! + next.updates[i]!;
              assert.ok(Math.abs(value - expected) < 1e-4 * largest + 1e-7, `step ${step}, coordinate ${i}`);
            });
          }
          optimizer.dispose();
        });
      });
    }

    it(`goes on from saved weights with the same bits, by ${compute}`, async () => {
      const own = learned('small-fc');
      await withVariables(SHAPES, async (variables) => {
        reset(variables);
        const optimizer = new LearnedOptimizer(own, { compute });
        for (let step = 0; step < 2; step++) applyStep(optimizer, variables, step);
        const weights = (await optimizer.getWeights()).map(({ name, tensor }) => ({ name, tensor: tf.clone(tensor) }));
        const middle = valuesOf(variables).map((values) => values.slice());
        for (let step = 2; step < STEPS; step++) applyStep(optimizer, variables, step);
        const expected = valuesOf(variables).map((values) => values.slice());

        const other = new LearnedOptimizer(own, { compute });
        await other.setWeights(weights);
        variables.forEach((variable, v) => {
          variable.assign(tf.tensor(middle[v]!, variable.shape));
        });
        for (let step = 2; step < STEPS; step++) applyStep(other, variables, step);
        valuesOf(variables).forEach((values, v) => {
          assert.deepEqual([...values], [...expected[v]!]);
        });
        optimizer.dispose();
        other.dispose();
        tf.dispose(weights.map(({ tensor }) => tensor));
      });
    });
  }

  it('refuses weights that do not hold what their head says', async () => {
    const optimizer = new LearnedOptimizer(learned('general'));
    const tensor = tf.tensor2d([3, 2, 4, 3, 1, 1], [6, 1]);
    const weights = [
      { name: 'iter', tensor: tf.scalar(3, 'int32') },
      { name: 'a/state', tensor },
    ];
    await assert.rejects(optimizer.setWeights(weights), /a state must hold its steps, its shape and as many numbers/);
    optimizer.dispose();
  });
});
