import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { LearnedOptimizer } from 'lopt';
import { PREPROCESSINGS } from '../../shared/architectures/lstm.js';
import { lstmStep, zeroLstmState } from '../../worker/architectures/lstm/definition.js';
import { loadImages } from '../../worker/problems/images/load.js';
import { networkOf, relativeError, somePhi } from '../contracts/engine.js';
import {
  disposeTensorsOfTests,
  NETWORK,
  someGradient,
  stepAll,
  valuesOf,
  WAYS,
  withVariables,
} from '../fixtures/learned.js';
import { momentumPhi } from '../fixtures/momentum-phi.js';
import { loadWindowFixtures, type WindowFixture } from '../fixtures/window.js';

/** A fixture's 12 coordinates as a scalar, a vector and a tensor. */
const SHAPES = [[], [3], [2, 1, 4]];
const BOUNDS = [0, 1, 4, 12];

/** h_0 of a fixture as weights of an optimizer: [n, units of h and c of every layer] for each variable. */
function weightsOf(fixture: WindowFixture, names: readonly string[]): { name: string; tensor: tf.Tensor }[] {
  const { coordinates } = fixture;
  const columns = fixture.initialState.map((part) => tf.tensor2d(part, [coordinates, part.length / coordinates]));
  const rows = tf.concat2d(columns, 1);
  const states = names.map((name, index) => {
    const [first, end] = BOUNDS.slice(index) as [number, number];
    return { name: `${name}/state`, tensor: tf.slice(rows, first, end - first) };
  });
  return [{ name: 'iter', tensor: tf.scalar(0, 'int32') }, ...states];
}

describe('LearnedOptimizer applyGradients()', () => {
  disposeTensorsOfTests();

  for (const compute of WAYS) {
    for (const fixture of loadWindowFixtures()) {
      it(`agrees with the same architecture in JAX within 1e-5, by ${compute}: ${fixture.name}`, async () => {
        const { coordinates, steps, gradients, expected, phi } = fixture;
        await withVariables(SHAPES, async (variables) => {
          const optimizer = new LearnedOptimizer({ architecture: networkOf(fixture), phi }, { compute });
          await optimizer.setWeights(
            weightsOf(
              fixture,
              variables.map(({ name }) => name),
            ),
          );
          const updates: number[] = [];
          for (let s = 0; s < steps; s++) {
            const row = gradients.subarray(s * coordinates, (s + 1) * coordinates);
            // from zero, a variable ends at its update
            for (const variable of variables) variable.assign(tf.zerosLike(variable));
            const named = variables.map(({ name, shape }, index) => {
              const values = row.slice(...(BOUNDS.slice(index, index + 2) as [number, number]));
              return [name, tf.tensor(values, shape)] as const;
            });
            optimizer.applyGradients(Object.fromEntries(named));
            updates.push(...valuesOf(variables).flatMap((values) => [...values]));
          }
          assert.ok(
            relativeError(updates, expected.updates) < 1e-5,
            `updates ${relativeError(updates, expected.updates)}`,
          );

          const states = (await optimizer.getWeights()).slice(1).map(({ tensor }) => tensor as tf.Tensor2D);
          const columns = fixture.layers.flatMap((units) => [units, units]);
          const parts = tf.split(tf.concat2d(states, 0), columns, 1).map((part) => part.dataSync());
          expected.finalState.forEach((part, index) => {
            assert.ok(relativeError(parts[index]!, part) < 1e-5, `part ${index} of h`);
          });
          optimizer.dispose();
        });
      });
    }

    for (const architecture of PREPROCESSINGS.map((preprocessing) => ({ ...NETWORK, preprocessing })))
      it(`agrees with the plain definition within 1e-5 over many blocks of coordinates, by ${compute}, ${architecture.preprocessing}`, async () => {
        const phi = somePhi(architecture);
        await withVariables([[13, 11]], async ([variable]) => {
          const optimizer = new LearnedOptimizer({ architecture, phi }, { compute });
          let state = zeroLstmState(architecture, 143);
          for (let step = 0; step < 5; step++) {
            variable!.assign(tf.zerosLike(variable!));
            stepAll(optimizer, [variable!], step);
            const gradient = Float64Array.from(someGradient(143, 100 * step));
            const next = lstmStep(architecture, Float64Array.from(phi), gradient, state);
            state = next.state;
            assert.ok(relativeError(valuesOf([variable!])[0]!, next.updates) < 1e-5, `step ${step}`);
          }
          optimizer.dispose();
        });
      });

    it(`leaves the variable and the state of an absent gradient as they are, by ${compute}`, async () => {
      await withVariables([[3], [2]], async (variables) => {
        const [a, b] = variables as [tf.Variable, tf.Variable];
        const optimizer = new LearnedOptimizer({ architecture: NETWORK, phi: somePhi(NETWORK) }, { compute });
        const stateOfB = async () => (await optimizer.getWeights())[2]!.tensor.dataSync().slice();
        stepAll(optimizer, variables, 1);
        const before = [valuesOf([b]), await stateOfB()];
        const named = { [a.name]: tf.tensor1d(someGradient(3, 5)), [b.name]: null } as unknown as tf.NamedTensorMap;
        optimizer.applyGradients(named);
        optimizer.applyGradients([{ name: a.name, tensor: tf.tensor1d(someGradient(3, 6)) }]);
        assert.deepEqual([valuesOf([b]), await stateOfB()], before);
        assert.equal(optimizer.iterations, 3);

        // b goes on from there as if the others' steps had not been
        const alone = new LearnedOptimizer({ architecture: NETWORK, phi: somePhi(NETWORK) }, { compute });
        await withVariables([[3], [2]], async (others) => {
          stepAll(alone, others, 1);
          stepAll(alone, others, 2);
          stepAll(optimizer, variables, 2);
          assert.deepEqual(valuesOf([b]), valuesOf([others[1]!]));
        });
        for (const each of [optimizer, alone]) each.dispose();
      });
    });

    it(`leaves no tensor behind: not in 100 steps, nor getWeights(), nor within tidy(), by ${compute}`, async () => {
      const before = tf.memory().numTensors;
      await withVariables([[3], [2, 2], []], async (variables) => {
        const optimizer = new LearnedOptimizer({ architecture: NETWORK, phi: somePhi(NETWORK) }, { compute });
        tf.tidy(() => stepAll(optimizer, variables, 0));
        await optimizer.getWeights();
        const after = tf.memory().numTensors;
        for (let step = 1; step <= 100; step++) stepAll(optimizer, variables, step);
        assert.equal(tf.memory().numTensors, after);
        await optimizer.setWeights(await optimizer.getWeights());
        stepAll(optimizer, variables, 101);
        assert.equal(tf.memory().numTensors, after);
        optimizer.dispose();
        optimizer.dispose();
      });
      assert.equal(tf.memory().numTensors, before);
    });

    it(`minimize() lowers a quadratic, for all variables and for those that are listed, by ${compute}`, async () => {
      await withVariables([[2], [3]], async (variables) => {
        const [a, b] = variables as [tf.Variable, tf.Variable];
        const loss = (): tf.Scalar => tf.add(tf.sum(tf.square(tf.sub(a, 2))), tf.sum(tf.square(tf.add(b, 1))));
        const optimizer = new LearnedOptimizer(momentumPhi(), { compute });
        // 2·2² + 3·1²
        assert.equal(optimizer.minimize(loss, true, [a])!.dataSync()[0], 11);
        for (let step = 1; step < 10; step++) optimizer.minimize(loss, false, [a]);
        assert.deepEqual(valuesOf([b]), [new Float32Array(3)]);
        for (let step = 0; step < 40; step++) optimizer.minimize(loss);
        const end = loss().dataSync()[0]!;
        assert.ok(end < 0.1, `${end}`);
        assert.equal(optimizer.iterations, 50);
        optimizer.dispose();
      });
    });

    it(`trains a architecture on MNIST by model.compile() and fit(), by ${compute}`, async () => {
      const { pixels, labels } = loadImages().splits.train;
      const count = 256;
      const images = tf.tensor2d(
        Float32Array.from(pixels.subarray(0, 784 * count), (byte) => byte / 255),
        [count, 784],
      );
      const classes = tf.oneHot(tf.tensor1d(Int32Array.from(labels.subarray(0, count)), 'int32'), 10);
      const model = tf.sequential({
        layers: [tf.layers.dense({ inputShape: [784], units: 10, activation: 'softmax', kernelInitializer: 'zeros' })],
      });
      model.compile({
        optimizer: new LearnedOptimizer(momentumPhi(), { compute }),
        loss: 'categoricalCrossentropy',
        metrics: ['accuracy'],
      });
      const options = { epochs: 6, batchSize: 64, shuffle: false, verbose: 0 } as const;
      const { history } = await model.fit(images, classes, options);
      const accuracy = history['acc']!.at(-1) as number;
      assert.ok(accuracy > 0.7, `accuracy ${accuracy}`);
      assert.ok((history['loss']!.at(-1) as number) < 1, `${history['loss']}`);
    });
  }

  it('gives the same by tensors in more than one chunk as by the kernel', async () => {
    const phi = { architecture: { ...NETWORK, layers: [2] }, phi: somePhi({ ...NETWORK, layers: [2] }) };
    await withVariables([[70_001], [70_001]], async ([kernel, tensors]) => {
      const optimizers = [
        [new LearnedOptimizer(phi, { compute: 'kernel' }), kernel!],
        [new LearnedOptimizer(phi, { compute: 'tensors' }), tensors!],
      ] as const;
      for (const [optimizer, variable] of optimizers) {
        stepAll(optimizer, [variable], 1);
        await optimizer.setWeights(await optimizer.getWeights());
        stepAll(optimizer, [variable], 2);
      }
      const [expected, actual] = valuesOf([kernel!, tensors!]) as [Float32Array, Float32Array];
      assert.ok(relativeError(actual, expected) < 1e-5, `${relativeError(actual, expected)}`);
      for (const [optimizer] of optimizers) optimizer.dispose();
    });
  });
});
