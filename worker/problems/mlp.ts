/** A multilayer perceptron on MNIST (Andrychowicz et al. 2016, section 3.2): mean cross-entropy over a minibatch. */
import type * as tfjs from '@tensorflow/tfjs';
import { UsageError } from '../../shared/errors.js';
import { fillNormal, type Key } from '../../shared/random.js';
import { ACTIVATIONS, type Activation, createMlpGradient, type MlpOptions } from './mlp-gradient.js';
import { CLASSES, fillMinibatch, loadMnist, PIXELS } from './mnist.js';
import type { Batch, Draw, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';
import { streamKey } from './streams.js';

/** The kernel holds some four copies of the parameters in at most 4 GiB. */
const MOST_COORDINATES = 2 ** 26;

/** The family `mlp`: the images of a split are the same for all problems; θ_0 and the minibatches are random. */
export const mlp: ProblemFamily = {
  name: 'mlp',
  summary: 'a multilayer perceptron on MNIST, mean cross-entropy over random minibatches',
  options: {
    hidden: { type: 'integers', default: [20], minimum: 1, describe: 'widths of the hidden layers' },
    activation: {
      type: 'choice',
      default: 'sigmoid',
      choices: Object.keys(ACTIVATIONS),
      describe: 'activation of the hidden layers',
    },
    batch: { type: 'integer', default: 128, minimum: 1, describe: 'images of a minibatch' },
    'initial-scale': {
      type: 'number',
      default: 0.01,
      minimum: 0,
      describe: 'standard deviation of θ_0, weights and biases alike, which is normal around 0',
    },
  },
  training: {
    problems: 1,
    shards: 2,
    unroll: 20,
    learningRate: 1e-3,
    outputScale: 0.01,
    evaluateEvery: 200,
    evaluateFunctions: 12,
  },
  async configure(options: OptionValues): Promise<Problems> {
    const sizes = [PIXELS, ...(options['hidden'] as readonly number[]), CLASSES];
    const coordinates = sizes.slice(1).reduce((sum, outputs, l) => sum + (sizes[l]! + 1) * outputs, 0);
    if (coordinates > MOST_COORDINATES) {
      const limit = `at most ${MOST_COORDINATES} parameters`;
      throw new UsageError(`Cannot configure mlp: "hidden" must be widths that give ${limit}, got ${coordinates}`);
    }
    const mlpOptions: MlpOptions = {
      sizes,
      activation: options['activation'] as Activation,
      batch: options['batch'] as number,
      mnist: loadMnist(),
    };
    return {
      coordinates,
      draw: (key, count) => draw(key, count, coordinates, options['initial-scale'] as number),
      loss: (tf, theta, batch, step) => loss(tf, theta, batch, step, mlpOptions),
      createGradient: () => createMlpGradient(mlpOptions),
      dataHashes: mlpOptions.mnist.hashes,
    };
  },
};

/** θ is W_1 [inputs × outputs, row by row], b_1, W_2, b_2, … */
function draw(key: Key, count: number, coordinates: number, scale: number): Draw {
  const theta = new Float32Array(count * coordinates);
  for (let p = 0; p < count && scale > 0; p++) {
    fillNormal(streamKey(key, 'theta', p), theta.subarray(p * coordinates, (p + 1) * coordinates), 0, scale);
  }
  return { theta, data: new Float32Array(0) };
}

function loss(tf: Tf, theta: tfjs.Tensor2D, batch: Batch, step: number, options: MlpOptions): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { sizes, activation } = options;
    const { pixels, labels } = gather(batch, step, options);
    let at = 0;
    const take = (rows: number, columns: number): tfjs.Tensor3D => {
      const part = tf.slice(theta, [0, at], [batch.count, rows * columns]);
      at += rows * columns;
      return tf.reshape(part, [batch.count, rows, columns]);
    };
    let a = tf.tensor3d(pixels, [batch.count, options.batch, PIXELS]);
    for (let l = 1; l < sizes.length; l++) {
      const weights = take(sizes[l - 1]!, sizes[l]!);
      const z = tf.add<tfjs.Tensor3D>(tf.matMul(a, weights), take(1, sizes[l]!));
      a = l === sizes.length - 1 ? z : tf[activation](z);
    }
    const target = tf.reshape(tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES), a.shape);
    const chosen = tf.sum(tf.mul(a, tf.cast(target, 'float32')), 2);
    return tf.mean<tfjs.Tensor1D>(tf.sub(tf.logSumExp(a, 2), chosen), 1);
  });
}

/** The minibatches of all problems: pixels [P × batch × 784] and labels [P × batch]. */
function gather(batch: Batch, step: number, options: MlpOptions): { pixels: Float32Array; labels: Int32Array } {
  const images = options.mnist.splits[batch.split];
  const pixels = new Float32Array(batch.count * options.batch * PIXELS);
  const labels = new Int32Array(batch.count * options.batch);
  const minibatch = new Uint32Array(options.batch);
  for (let p = 0; p < batch.count; p++) {
    fillMinibatch(batch.key, p, step, images.count, minibatch);
    minibatch.forEach((image, i) => {
      const row = p * options.batch + i;
      labels[row] = images.labels[image]!;
      for (let j = 0; j < PIXELS; j++) pixels[row * PIXELS + j] = images.pixels[image * PIXELS + j]! / 255;
    });
  }
  return { pixels, labels };
}
