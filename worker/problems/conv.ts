/** A small convolutional network on images: mean cross-entropy over a minibatch. */
import type * as tfjs from '@tensorflow/tfjs';
import { createConvGradient } from './conv-gradient.js';
import { createConvHessian } from './conv-hessian.js';
import { featureMaps } from './conv-layout.js';
import { meanCrossEntropy } from './cross-entropy.js';
import { drawnProblems } from './drawn.js';
import { type ImageKind, type ImageSet, valuesOf } from './images/image-set.js';
import { gatherMinibatches } from './images/minibatch.js';
import { IMAGE_OPTIONS, IMAGE_TRAINING, imageKindOf, imagesOf } from './images/options.js';
import { VIEW_OPTIONS, viewsOf } from './images/view.js';
import { drawInitial, initialisationOptions, initialised } from './initialisation.js';
import { checkCoordinates, coordinatesOf, type LayerShape, tensorsOf } from './parameters.js';
import type { OptionSpec, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';

/** A convolutional layer, which halves height and width, or the dense layer at the end. */
interface Layer extends LayerShape {
  /** Shape of the weights: [height, width, channels, filters] or [inputs, outputs]. */
  shape: number[];
}

const OPTIONS = {
  filters: {
    type: 'integers',
    default: [4, 8],
    minimum: 1,
    alternatives: true,
    describe: 'filters of each layer, at stride 2',
  },
  kernel: { type: 'integer', default: 3, minimum: 1, alternatives: true, describe: 'height and width of a filter' },
  ...initialisationOptions('scaled'),
  ...IMAGE_OPTIONS,
  ...VIEW_OPTIONS,
  batch: { ...IMAGE_OPTIONS.batch, default: 32 },
} as const satisfies Record<string, OptionSpec>;

/** The family `conv`: convolutional layers of stride 2, each with relu, then a dense layer. */
export const conv: ProblemFamily = initialised({
  name: 'conv',
  summary: 'a convolutional network on MNIST or other images, mean cross-entropy over random minibatches',
  options: OPTIONS,
  training: { ...IMAGE_TRAINING, evaluateFunctions: 8 },
  async configure(options: OptionValues): Promise<Problems> {
    const images = imagesOf(options);
    return drawnProblems('conv', OPTIONS, options, (values) => problemsOf(images, values));
  },
  parametersFor: async (options) => tensorsOf(layersOf(imageKindOf(options), options)),
});

/** The problems of one network. */
function problemsOf(images: ImageSet, options: OptionValues): Problems {
  const layers = layersOf(images, options);
  const coordinates = coordinatesOf(layers);
  checkCoordinates('conv', 'filters', coordinates);
  const size = options['batch'] as number;
  const viewOf = viewsOf(images, options);
  const { height, width, channels } = images.shape;
  const network = {
    filters: options['filters'] as readonly number[],
    kernel: options['kernel'] as number,
    batch: size,
    images,
    viewOf,
  };
  return {
    coordinates,
    parameters: tensorsOf(layers),
    draw: (key, count) => ({ theta: drawInitial(key, count, layers, options), data: new Float32Array(0) }),
    loss: (tf, theta, batch, step) =>
      tf.tidy(() => {
        const { pixels, labels } = gatherMinibatches(images, batch, step, size, viewOf);
        const x = tf.tensor(pixels, [batch.count, size, height, width, channels]);
        // each problem has its own filters, and tfjs has no convolution with a batch of filters
        const logits = Array.from({ length: batch.count }, (_, p) =>
          logitsOf(tf, tf.squeeze(tf.slice(theta, p, 1), [0]), layers, tf.squeeze(tf.slice(x, p, 1), [0])),
        );
        const shape: [number, number, number] = [batch.count, size, images.classes];
        return meanCrossEntropy(tf, tf.reshape(tf.concat(logits), shape), labels);
      }),
    createGradient: (forms) => createConvGradient(network, forms),
    createHessian: (forms) => createConvHessian(network, forms),
    dataHashes: images.hashes,
  };
}

function layersOf({ shape: image, classes }: ImageKind, options: OptionValues): Layer[] {
  const kernel = options['kernel'] as number;
  const filters = options['filters'] as readonly number[];
  const maps = featureMaps(image, filters);
  const layers = filters.map((outputs, l): Layer => {
    const { channels } = maps[l]!;
    return { inputs: kernel * kernel * channels, outputs, shape: [kernel, kernel, channels, outputs] };
  });
  const inputs = valuesOf(maps.at(-1)!);
  return [...layers, { inputs, outputs: classes, shape: [inputs, classes] }];
}

/** The logits [batch × classes] of one network θ [d] on images [batch × height × width × channels]. */
function logitsOf(tf: Tf, theta: tfjs.Tensor1D, layers: readonly Layer[], images: tfjs.Tensor4D): tfjs.Tensor2D {
  const parts = tf.split(
    theta,
    layers.flatMap(({ inputs, outputs }) => [inputs * outputs, outputs]),
  );
  const weightsOf = (l: number) => tf.reshape(parts[2 * l]!, layers[l]!.shape);
  let a: tfjs.Tensor4D = images;
  const dense = layers.length - 1;
  for (let l = 0; l < dense; l++) {
    const z = tf.conv2d(a, weightsOf(l) as tfjs.Tensor4D, 2, 'same');
    a = tf.relu(addBiases(tf, z, parts[2 * l + 1]!));
  }
  const flat = tf.reshape(a, [images.shape[0], layers[dense]!.inputs]);
  return addBiases(tf, tf.matMul(flat, weightsOf(dense) as tfjs.Tensor2D), parts[2 * dense + 1]!);
}

/** z + b over the last dimension. Broadcasts b by a matrix product: tfjs is slow at the gradient of a broadcast. */
function addBiases<T extends tfjs.Tensor>(tf: Tf, z: T, biases: tfjs.Tensor): T {
  const outputs = biases.size;
  const spread = tf.matMul(tf.ones([z.size / outputs, 1]), tf.reshape(biases, [1, outputs]));
  return tf.add<T>(z, tf.reshape(spread, z.shape));
}
