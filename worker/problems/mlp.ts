/** A multilayer perceptron on images (Andrychowicz et al. 2016, section 3.2): mean cross-entropy over a minibatch. */
import { meanCrossEntropy } from './cross-entropy.js';
import { ACTIVATIONS, type Activation, denseLayers, denseOutputs } from './dense.js';
import { createDenseGradient } from './dense-gradient.js';
import { createDenseHessian } from './dense-hessian.js';
import type { DenseOptions } from './dense-network.js';
import { drawnProblems } from './drawn.js';
import { type ImageKind, type ImageSet, valuesOf } from './images/image-set.js';
import { gatherMinibatches } from './images/minibatch.js';
import { IMAGE_OPTIONS, IMAGE_TRAINING, imageKindOf, imagesOf } from './images/options.js';
import { VIEW_OPTIONS, viewsOf } from './images/view.js';
import { drawInitial, initialisationOptions, initialised } from './initialisation.js';
import { checkCoordinates, coordinatesOf, tensorsOf } from './parameters.js';
import type { OptionSpec, OptionValues, ProblemFamily, Problems } from './problem.js';

const OPTIONS = {
  hidden: {
    type: 'integers',
    default: [20],
    minimum: 1,
    alternatives: true,
    describe: 'widths of the hidden layers',
  },
  activation: {
    type: 'choice',
    default: 'sigmoid',
    choices: Object.keys(ACTIVATIONS),
    alternatives: true,
    describe: 'activation of the hidden layers',
  },
  ...initialisationOptions('normal'),
  ...IMAGE_OPTIONS,
  ...VIEW_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

/** The family `mlp`: the images of a split are the same for all problems; θ_0 and the minibatches are random. */
export const mlp: ProblemFamily = initialised({
  name: 'mlp',
  summary: 'a multilayer perceptron on MNIST or other images, mean cross-entropy over random minibatches',
  options: OPTIONS,
  training: IMAGE_TRAINING,
  async configure(options: OptionValues): Promise<Problems> {
    const images = imagesOf(options);
    return drawnProblems('mlp', OPTIONS, options, (values) => problemsOf(images, values));
  },
  parametersFor: async (options) => tensorsOf(denseLayers(sizesOf(imageKindOf(options), options))),
});

/** Widths from the input to the output. */
function sizesOf({ shape, classes }: ImageKind, options: OptionValues): number[] {
  return [valuesOf(shape), ...(options['hidden'] as readonly number[]), classes];
}

/** The problems of one network. */
function problemsOf(images: ImageSet, options: OptionValues): Problems {
  const sizes = sizesOf(images, options);
  const layers = denseLayers(sizes);
  const coordinates = coordinatesOf(layers);
  checkCoordinates('mlp', 'hidden', coordinates);
  const activation = options['activation'] as Activation;
  const size = options['batch'] as number;
  const viewOf = viewsOf(images, options);
  const network: DenseOptions = { sizes, activation, batch: size, images, viewOf, objective: 'labels' };
  return {
    coordinates,
    parameters: tensorsOf(layers),
    draw: (key, count) => ({ theta: drawInitial(key, count, layers, options), data: new Float32Array(0) }),
    loss: (tf, theta, batch, step) =>
      tf.tidy(() => {
        const { pixels, labels } = gatherMinibatches(images, batch, step, size, viewOf);
        const x = tf.tensor3d(pixels, [batch.count, size, sizes[0]!]);
        return meanCrossEntropy(tf, denseOutputs(tf, theta, sizes, activation, x), labels);
      }),
    createGradient: (forms) => createDenseGradient(network, forms),
    createHessian: (forms) => createDenseHessian(network, forms),
    dataHashes: images.hashes,
  };
}
