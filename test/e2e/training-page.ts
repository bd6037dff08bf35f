/** What an application does with LearnedOptimizer: it runs in a page of Chromium and, for comparison, in Node. */
import * as tf from '@tensorflow/tfjs';
import { LearnedOptimizer, type LearnedOptimizerOptions } from 'lopt';

/** What came of a training. */
export interface Training {
  backend: string;
  /** After each epoch. */
  losses: number[];
  /** The same for a second half that began from saved weights. */
  resumedLosses: number[];
  /** Tensors that were there at the end and not at the start. */
  leaked: number;
}

/** Trains a classifier of two spirals on a backend, with the φ of a path or URL. */
export async function trainClassifier(
  backend: string,
  phi: string,
  compute: NonNullable<LearnedOptimizerOptions['compute']>,
): Promise<Training> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const { points, classes } = spirals();
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 16, activation: 'tanh', kernelInitializer: uniform(1) }),
      tf.layers.dense({ units: 2, activation: 'softmax', kernelInitializer: uniform(2) }),
    ],
  });
  const fit = async (optimizer: tf.Optimizer) => {
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    const { history } = await model.fit(points, classes, { epochs: 10, batchSize: 40, shuffle: false, verbose: 0 });
    return history['loss'] as number[];
  };
  const optimizer = await LearnedOptimizer.load(phi, { compute });
  const losses = await fit(optimizer);
  const values = model.getWeights().map((value) => value.clone());
  const weights = (await optimizer.getWeights()).map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
  losses.push(...(await fit(optimizer)));

  model.setWeights(values);
  const resumed = await LearnedOptimizer.load(phi, { compute });
  await resumed.setWeights(weights);
  const resumedLosses = await fit(resumed);
  optimizer.dispose();
  resumed.dispose();
  model.dispose();
  tf.dispose([points, classes, values, weights.map(({ tensor }) => tensor)]);
  return { backend: tf.getBackend(), losses, resumedLosses, leaked: tf.memory().numTensors - before };
}

function uniform(seed: number) {
  return tf.initializers.randomUniform({ minval: -1, maxval: 1, seed });
}

/** 80 points of two arms, in turn. */
function spirals(): { points: tf.Tensor2D; classes: tf.Tensor2D } {
  const rows = Array.from({ length: 80 }, (_, index) => {
    const arm = index % 2;
    const turn = index / 25;
    return [(turn / 2) * Math.cos(turn + Math.PI * arm), (turn / 2) * Math.sin(turn + Math.PI * arm)];
  });
  return {
    points: tf.tensor2d(rows),
    classes: tf.tensor2d(rows.map((_, index) => [1 - (index % 2), index % 2])),
  };
}
