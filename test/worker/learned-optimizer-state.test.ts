import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { LearnedOptimizer } from 'lopt';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { LoptError } from '../../shared/errors.js';
import { relativeError, somePhi } from '../contracts/engine.js';
import { disposeTensorsOfTests, NETWORK, stepAll, valuesOf, WAYS, withVariables } from '../fixtures/learned.js';

const SHAPES = [[5, 15], [], [4]];

function make(compute: (typeof WAYS)[number], architecture: LstmConfig = NETWORK): LearnedOptimizer {
  return new LearnedOptimizer({ architecture, phi: somePhi(architecture) }, { compute });
}

/** The values of variables after steps `first` to `end` − 1. */
function steps(optimizer: tf.Optimizer, variables: readonly tf.Variable[], first: number, end: number): Float32Array[] {
  for (let step = first; step < end; step++) stepAll(optimizer, variables, step);
  return valuesOf(variables);
}

/** The expected values after 10 steps, and the weights and values after 6 of them. */
async function interrupted(compute: (typeof WAYS)[number]) {
  const optimizer = make(compute);
  let weights: Awaited<ReturnType<LearnedOptimizer['getWeights']>> = [];
  let values: Float32Array[] = [];
  let end: Float32Array[] = [];
  await withVariables(SHAPES, async (variables) => {
    values = steps(optimizer, variables, 0, 6);
    weights = (await optimizer.getWeights()).map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
    // the weights are what they were, whatever comes after them
    end = steps(optimizer, variables, 6, 10);
  });
  optimizer.dispose();
  return { weights, values, end };
}

/** Fresh variables of these values. */
async function withValues(
  values: readonly Float32Array[],
  work: (variables: tf.Variable[]) => Promise<void>,
): Promise<void> {
  await withVariables(SHAPES, async (variables) => {
    variables.forEach((variable, index) => {
      variable.assign(tf.tensor(values[index]!, variable.shape));
    });
    await work(variables);
  });
}

/** A small classifier with data, compiled with the optimizer. */
function classifier(optimizer: tf.Optimizer) {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [6], units: 5, activation: 'tanh' }),
      tf.layers.dense({ units: 3, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer, loss: 'categoricalCrossentropy' });
  return model;
}

describe('LearnedOptimizer getWeights() and setWeights()', () => {
  disposeTensorsOfTests();

  for (const compute of WAYS) {
    it(`go on with the same bits, by ${compute}`, async () => {
      const { weights, values, end } = await interrupted(compute);
      await withValues(values, async (variables) => {
        const optimizer = make(compute);
        await optimizer.setWeights(weights);
        assert.equal(optimizer.iterations, 6);
        const again = await optimizer.getWeights();
        assert.deepEqual(
          again.map(({ name, tensor }) => [name, tensor.shape, tensor.dataSync()]),
          weights.map(({ name, tensor }) => [name, tensor.shape, tensor.dataSync()]),
        );
        assert.deepEqual(steps(optimizer, variables, 6, 10), end);
        assert.equal(optimizer.iterations, 10);
        optimizer.dispose();
      });
    });

    it(`carry over to the other way to compute within 1e-5, from ${compute}`, async () => {
      const { weights, values, end } = await interrupted(compute);
      await withValues(values, async (variables) => {
        const optimizer = make(WAYS.find((way) => way !== compute)!);
        await optimizer.setWeights(weights);
        const others = steps(optimizer, variables, 6, 10);
        others.forEach((actual, index) => {
          assert.ok(relativeError(actual, end[index]!) < 1e-5);
        });
        optimizer.dispose();
      });
    });

    it(`find the variables by name, in whatever order their gradients come, by ${compute}`, async () => {
      await withVariables(SHAPES, async (variables) => {
        const through = make(compute);
        const expected = [...steps(through, variables, 0, 3), ...steps(through, [variables[2]!], 3, 4)];
        for (const variable of variables) variable.assign(tf.zerosLike(variable));
        const first = make(compute);
        steps(first, variables, 0, 3);
        const second = make(compute);
        await second.setWeights(await first.getWeights());
        const actual = [...valuesOf(variables), ...steps(second, [variables[2]!], 3, 4)];
        assert.deepEqual(actual, expected);
        for (const each of [through, first, second]) each.dispose();
      });
    });

    it(`go to the variables in order where these are called otherwise, by ${compute}`, async () => {
      const { weights, values, end } = await interrupted(compute);
      await withValues(values, async (variables) => {
        const optimizer = make(compute);
        // two of the names, one place further than the variables
        const names = ['other', variables[0]!.name, variables[1]!.name];
        const renamed = weights.slice(1).map(({ tensor }, index) => ({ name: `${names[index]}/state`, tensor }));
        await optimizer.setWeights([weights[0]!, ...renamed]);
        assert.deepEqual(steps(optimizer, variables, 6, 10), end);
        optimizer.dispose();
      });
    });

    it(`save and load with a model, which then trains on with the same bits, by ${compute}`, async () => {
      const inputs = tf.randomNormal([12, 6], 0, 1, 'float32', 3);
      const targets = tf.oneHot(tf.tensor1d([0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0], 'int32'), 3);
      const options = { epochs: 3, batchSize: 4, shuffle: false, verbose: 0 } as const;
      const model = classifier(make(compute));
      await model.fit(inputs, targets, options);
      let saved: tf.io.ModelArtifacts | undefined;
      const handler = tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      });
      await model.save(handler, { includeOptimizer: true });
      const expected = await model.fit(inputs, targets, options);

      // what a file would hold
      const artifacts = { ...saved!, trainingConfig: JSON.parse(JSON.stringify(saved!.trainingConfig)) };
      const loaded = (await tf.loadLayersModel(tf.io.fromMemory(artifacts))) as tf.Sequential;
      assert.ok(loaded.optimizer instanceof LearnedOptimizer);
      assert.deepEqual(loaded.optimizer.getConfig(), model.optimizer.getConfig());
      assert.equal((loaded.optimizer as LearnedOptimizer).iterations, 9);
      const { history } = await loaded.fit(inputs, targets, options);
      assert.deepEqual(history, expected.history);
      assert.ok((history['loss']![2] as number) !== history['loss']![0]);
    });
  }

  it('refuse what is of another optimizer, another network or other variables', async () => {
    const { weights } = await interrupted('kernel');
    const refused = async (given: typeof weights, architecture: LstmConfig, why: RegExp) => {
      const optimizer = make('kernel', architecture);
      await assert.rejects(
        optimizer.setWeights(given),
        (error) => error instanceof LoptError && why.test(error.message),
      );
      assert.equal(optimizer.iterations, 0);
    };
    await refused([], NETWORK, /must be the number of steps and tensors NAME\/state \[n, 14\], got none$/);
    await refused(weights.slice(1), NETWORK, /got \d+\/state \[75, 14\], /);
    await refused(weights, { ...NETWORK, layers: [4] }, /tensors NAME\/state \[n, 8\], got iter \[\], /);
    await withVariables([[2]], async (variables) => {
      const adam = tf.train.adam(0.1);
      stepAll(adam, variables, 1);
      await refused(await adam.getWeights(), NETWORK, /got iter \[\], \d+\/m \[2\]/);
    });
    await withVariables([[5, 15], [], [5]], async (variables) => {
      const optimizer = make('kernel');
      await optimizer.setWeights(weights);
      assert.throws(
        () => stepAll(optimizer, variables, 7),
        /must be those of the weights, \d+ \(75\), \d+ \(1\), \d+ \(4\), got \d+ \(75\), \d+ \(1\), \d+ \(5\)$/,
      );
    });
  });
});
