/** A dense autoencoder on images: it reconstructs an image from the activations of a narrow layer. */
import type * as tfjs from '@tensorflow/tfjs';
import { ACTIVATIONS, type Activation, denseLayers, denseOutputs } from './dense.js';
import { createDenseGradient } from './dense-gradient.js';
import { createDenseHessian } from './dense-hessian.js';
import type { DenseOptions } from './dense-network.js';
import { drawnProblems } from './drawn.js';
import { type ImageKind, type ImageSet, valuesOf } from './images/image-set.js';
import { gatherMinibatches } from './images/minibatch.js';
import { IMAGE_OPTIONS, IMAGE_TRAINING, imageKindOf, imagesOf } from './images/options.js';
import { INVERSION_OPTION, viewsOf } from './images/view.js';
import { drawInitial, initialisationOptions, initialised } from './initialisation.js';
import { checkCoordinates, coordinatesOf, tensorsOf } from './parameters.js';
import type { OptionSpec, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';

/**
 * The losses of the network's output z on an image x, with y = σ(z), as means over the n pixels:
 * `squared-error` Σ (y_i − x_i)²/n (the image autoencoders of google/learned_optimization, 2021), and
 * `cross-entropy` −Σ (x_i·ln y_i + (1 − x_i)·ln(1 − y_i))/n (Hinton and Salakhutdinov 2006).
 */
const LOSSES = {
  'squared-error': (tf: Tf, z: tfjs.Tensor3D, x: tfjs.Tensor3D) => tf.square(tf.sub(tf.sigmoid(z), x)),
  // −ln y = softplus(z) − z and −ln(1 − y) = softplus(z)
  'cross-entropy': (tf: Tf, z: tfjs.Tensor3D, x: tfjs.Tensor3D) => tf.sub(tf.softplus(z), tf.mul(x, z)),
} as const;

const OPTIONS = {
  hidden: {
    type: 'integers',
    default: [8],
    minimum: 1,
    alternatives: true,
    describe: 'widths of the hidden layers',
  },
  activation: {
    type: 'choice',
    default: 'relu',
    choices: Object.keys(ACTIVATIONS),
    alternatives: true,
    describe: 'activation of the hidden layers',
  },
  loss: {
    type: 'choice',
    default: 'squared-error',
    choices: Object.keys(LOSSES),
    alternatives: true,
    describe: 'error of a pixel',
  },
  ...initialisationOptions('scaled'),
  ...IMAGE_OPTIONS,
  ...INVERSION_OPTION,
} as const satisfies Record<string, OptionSpec>;

/** The family `autoencoder`: the output layer is a sigmoid; θ_0 and the minibatches are random. */
export const autoencoder: ProblemFamily = initialised({
  name: 'autoencoder',
  summary: 'a dense autoencoder on MNIST or other images, mean error per pixel over random minibatches',
  options: OPTIONS,
  training: IMAGE_TRAINING,
  async configure(options: OptionValues): Promise<Problems> {
    const images = imagesOf(options);
    return drawnProblems('autoencoder', OPTIONS, options, (values) => problemsOf(images, values));
  },
  parametersFor: async (options) => tensorsOf(denseLayers(sizesOf(imageKindOf(options), options))),
});

/** Widths from the input to the output. */
function sizesOf({ shape }: ImageKind, options: OptionValues): number[] {
  return [valuesOf(shape), ...(options['hidden'] as readonly number[]), valuesOf(shape)];
}

/** The problems of one network. */
function problemsOf(images: ImageSet, options: OptionValues): Problems {
  const values = valuesOf(images.shape);
  const sizes = sizesOf(images, options);
  const layers = denseLayers(sizes);
  const coordinates = coordinatesOf(layers);
  checkCoordinates('autoencoder', 'hidden', coordinates);
  const activation = options['activation'] as Activation;
  const objective = options['loss'] as keyof typeof LOSSES;
  const size = options['batch'] as number;
  const viewOf = viewsOf(images, options);
  const network: DenseOptions = { sizes, activation, batch: size, images, viewOf, objective };
  return {
    coordinates,
    parameters: tensorsOf(layers),
    draw: (key, count) => ({ theta: drawInitial(key, count, layers, options), data: new Float32Array(0) }),
    loss: (tf, theta, batch, step) =>
      tf.tidy(() => {
        const { pixels } = gatherMinibatches(images, batch, step, size, viewOf);
        const x = tf.tensor3d(pixels, [batch.count, size, values]);
        const z = denseOutputs(tf, theta, sizes, activation, x);
        return tf.mean<tfjs.Tensor1D>(LOSSES[objective](tf, z, x), [1, 2]);
      }),
    createGradient: (forms) => createDenseGradient(network, forms),
    createHessian: (forms) => createDenseHessian(network, forms),
    dataHashes: images.hashes,
  };
}
