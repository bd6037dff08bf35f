import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs';
import { seedKey } from '../../shared/random.js';
import { loadImages, readImageKind } from '../../worker/problems/images/load.js';
import { gatherMinibatches } from '../../worker/problems/images/minibatch.js';
import { parametersOf, sizeOf, tensorsText } from '../../worker/problems/parameter-tensors.js';
import type { OptionValues } from '../../worker/problems/problem.js';
import { FAMILIES, familyFor, optionValues } from '../../worker/problems/registry.js';
import { scaleProblems } from '../../worker/training/scaled-problems.js';
import { assertFileError } from '../fixtures/damaged-files.js';
import { type Case, type Drawn, drawCase, norm, row } from '../fixtures/drawn-problems.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { cifarFiles, idxFile, mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { NO_AUGMENTATION } from '../fixtures/run-config.js';

/** Images of 9 × 7 pixels in four classes. */
const SMALL = mnistFiles({ training: 12, test: 2, height: 9, width: 7, classes: 4 });

/** Small problems of every family but the mix, and their tensors, derived by hand. */
const cases: readonly (Case & { tensors: string; files?: ReadonlyMap<string, Buffer> })[] = [
  { family: 'simple', options: {}, tensors: 'theta [1]' },
  { family: 'quadratic', options: {}, tensors: 'theta [10]' },
  { family: 'lasso', options: { dimension: 7 }, tensors: 'theta [7]' },
  { family: 'rastrigin', options: {}, tensors: 'theta [2]' },
  { family: 'rosenbrock', options: { dimension: 3 }, tensors: 'theta [3]' },
  { family: 'logistic', options: { dimension: 3, examples: 7, lambda: 0.1 }, tensors: 'weights [3], bias [1]' },
  {
    family: 'mlp',
    options: { batch: 5, 'initial-scale': 0.3 },
    tensors: 'layer_1/weights [784, 20], layer_1/biases [20], output/weights [20, 10], output/biases [10]',
  },
  {
    family: 'mlp',
    options: { hidden: [6, 5], activation: 'tanh', batch: 5, 'initial-scale': 0.5 },
    files: SMALL,
    tensors:
      'layer_1/weights [63, 6], layer_1/biases [6], layer_2/weights [6, 5], layer_2/biases [5], output/weights [5, 4], output/biases [4]',
  },
  {
    family: 'mlp',
    options: { hidden: [], batch: 3, 'initial-scale': 0.1 },
    files: cifarFiles(4),
    tensors: 'output/weights [3072, 10], output/biases [10]',
  },
  {
    family: 'autoencoder',
    options: { hidden: [6, 3], activation: 'tanh', batch: 5 },
    files: SMALL,
    tensors:
      'layer_1/weights [63, 6], layer_1/biases [6], layer_2/weights [6, 3], layer_2/biases [3], output/weights [3, 63], output/biases [63]',
  },
  {
    family: 'conv',
    options: { filters: [3, 2], batch: 4 },
    files: SMALL,
    // 9 × 7 pixels become 5 × 4, then 3 × 2
    tensors:
      'layer_1/weights [3, 3, 1, 3], layer_1/biases [3], layer_2/weights [3, 3, 3, 2], layer_2/biases [2], output/weights [12, 4], output/biases [4]',
  },
  {
    family: 'conv',
    options: { filters: [2], kernel: 5, batch: 2 },
    files: cifarFiles(4),
    tensors: 'layer_1/weights [5, 5, 3, 2], layer_1/biases [2], output/weights [512, 10], output/biases [10]',
  },
  {
    family: 'language',
    options: { hidden: 6, embedding: 3, vocabulary: 20 },
    tensors:
      'embedding [20, 3], recurrent/input_weights [3, 6], recurrent/hidden_weights [6, 6], recurrent/biases [6], output/weights [6, 20], output/biases [20]',
  },
];

/** A case's options, with its files in a folder. */
function optionsOf(context: TestContext, { options, files }: (typeof cases)[number]): Record<string, unknown> {
  return files ? { ...options, folder: writeFiles(temporaryFolder(context), files) } : options;
}

/** The tensors of one problem's θ by their names: what is theirs of its row, one after another, row by row. */
function cut({ problems, theta, coordinates }: Drawn, p: number): Map<string, tf.Tensor> {
  const values = row(theta, p, coordinates);
  let at = 0;
  return new Map(
    parametersOf(problems).map((tensor) => {
      const part = values.slice(at, at + sizeOf(tensor));
      at += part.length;
      return [tensor.name, tf.tensor(part, [...tensor.shape])];
    }),
  );
}

const ACTIVATIONS: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  relu: tf.relu,
};

/** The outputs of a network's last layer, written down by the names of its tensors, on images [batch, …]. */
function outputsOf(tensors: ReadonlyMap<string, tf.Tensor>, activation: string, images: tf.Tensor): tf.Tensor2D {
  const flat = (x: tf.Tensor): tf.Tensor2D => tf.reshape(x, [x.shape[0]!, -1]);
  let a = images;
  for (let l = 1; tensors.has(`layer_${l}/weights`); l++) {
    const weights = tensors.get(`layer_${l}/weights`)!;
    const z =
      weights.rank === 4
        ? tf.conv2d(a as tf.Tensor4D, weights as tf.Tensor4D, 2, 'same')
        : tf.matMul(flat(a), weights as tf.Tensor2D);
    a = ACTIVATIONS[activation]!(tf.add(z, tensors.get(`layer_${l}/biases`)!));
  }
  return tf.add(tf.matMul(flat(a), tensors.get('output/weights') as tf.Tensor2D), tensors.get('output/biases')!);
}

/** f of one problem on its minibatch [batch × height × width × channels] with labels [batch], from named tensors. */
type NamedLoss = (
  tensors: ReadonlyMap<string, tf.Tensor>,
  options: OptionValues,
  x: tf.Tensor4D,
  y: tf.Tensor1D,
) => tf.Tensor;

const networks: Readonly<Record<string, NamedLoss>> = {
  mlp: (tensors, options, x, labels) => entropy(outputsOf(tensors, options['activation'] as string, x), labels),
  conv: (tensors, _options, x, labels) => entropy(outputsOf(tensors, 'relu', x), labels),
  autoencoder: (tensors, options, x) => {
    const y = tf.sigmoid(outputsOf(tensors, options['activation'] as string, x));
    return tf.mean(tf.squaredDifference(y, tf.reshape(x, y.shape)));
  },
};

function entropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor {
  const chosen = tf.oneHot(tf.cast(labels, 'int32'), logits.shape[1]);
  return tf.neg(tf.mean(tf.sum(tf.mul(chosen, tf.logSoftmax(logits)), 1)));
}

/** The loss of every problem from its named tensors. */
function namedLosses(name: string, drawn: Drawn, step: number): number[] {
  const { options, batch } = drawn;
  const size = options['batch'] as number;
  const images = loadImages(options['folder'] as string | undefined);
  const { height, width, channels } = images.shape;
  const { pixels, labels } = gatherMinibatches(images, batch, step, size);
  const x = tf.tensor(pixels, [batch.count, size, height, width, channels]);
  const y = tf.tensor2d(labels, [batch.count, size]);
  return Array.from({ length: batch.count }, (_, p) => {
    const own = [tf.squeeze(tf.slice(x, p, 1), [0]), tf.squeeze(tf.slice(y, p, 1), [0])] as const;
    return networks[name]!(cut(drawn, p), options, own[0] as tf.Tensor4D, own[1] as tf.Tensor1D).dataSync()[0]!;
  });
}

before(async () => {
  await tf.setBackend('cpu');
});

test('every family but the mix is among the cases', () => {
  assert.deepEqual(new Set([...cases.map(({ family }) => family), 'mix']), new Set(FAMILIES.keys()));
});

for (const one of cases) {
  const title = `${one.family} ${JSON.stringify(one.options)}`;
  test(`parametersOf() gives the tensors of θ, which add up to its coordinates: ${title}`, async (context) => {
    const drawn = await drawCase({ ...one, options: optionsOf(context, one) }, 1);
    const tensors = parametersOf(drawn.problems);
    assert.equal(tensorsText(tensors), one.tensors);
    assert.equal(
      tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0),
      drawn.coordinates,
    );
    const { parametersFor } = FAMILIES.get(one.family)!;
    if (parametersFor) assert.deepEqual(await parametersFor(drawn.options), tensors);
    // what wraps problems keeps their tensors
    assert.equal(
      tensorsText(parametersOf(scaleProblems(drawn.problems, { ...NO_AUGMENTATION, tensorScale: 1 }))),
      one.tensors,
    );
  });

  if (!networks[one.family]) continue;
  test(`the loss of a network is that of its tensors by their names: ${title}`, async (context) => {
    const drawn = await drawCase({ ...one, options: optionsOf(context, one) }, 2);
    const { problems, theta, batch, coordinates } = drawn;
    tf.tidy(() => {
      const losses = problems.loss(tf, tf.tensor2d(theta, [2, coordinates]), batch, 3).dataSync();
      for (const [p, expected] of namedLosses(one.family, drawn, 3).entries()) {
        assert.ok(Math.abs(losses[p]! - expected) <= 1e-5 * expected, `problem ${p}: ${losses[p]} for ${expected}`);
      }
    });
  });
}

test('the loss of logistic penalises its weights alone, and its bias is the score where all features are 0', async () => {
  const drawn = await drawCase({ family: 'logistic', options: { dimension: 3, examples: 4, lambda: 0.5 } }, 1);
  const tensors = cut(drawn, 0);
  const [weights, bias] = ['weights', 'bias'].map((name) => tensors.get(name)!.dataSync() as Float32Array);
  const [gradient, losses] = [new Float32Array(4), new Float64Array(1)];
  drawn.gradientOf(drawn.theta, { ...drawn.batch, data: new Float32Array(12) }, 0, gradient, losses);
  // two examples of either class, with margins v and −v
  const v = bias![0]!;
  const expected = (Math.log(1 + Math.exp(-v)) + Math.log(1 + Math.exp(v))) / 2 + 0.25 * norm(weights!) ** 2;
  assert.ok(Math.abs(losses[0]! - expected) < 1e-6, `${losses[0]} for ${expected}`);
});

test('parametersOf() a mixture gives the tensors of the episode’s component, and asks for its key', async () => {
  const given = { families: 'logistic,rastrigin', 'logistic.dimension': 4 };
  const family = familyFor('mix', given);
  const mix = await family.configure(optionValues(family, given));
  const met = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const key = seedKey(seed);
    const tensors = parametersOf(mix, key);
    const total = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
    assert.equal(mix.draw(key, 1, 'train').theta.length, total);
    met.add(tensorsText(tensors));
  }
  assert.deepEqual(met, new Set(['weights [4], bias [1]', 'theta [2]']));
  assert.throws(() => parametersOf(mix), TypeError);
});

describe('readImageKind()', () => {
  const IMAGES = 'train-images-idx3-ubyte';

  test('agrees with loadImages() on MNIST, on idx files, compressed or not, and on those of CIFAR-10', (context) => {
    const packed = new Map([...SMALL].map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]));
    const folders = [SMALL, packed, cifarFiles(1)].map((files) => writeFiles(temporaryFolder(context), files));
    for (const folder of [undefined, ...folders.slice(0, 2)]) {
      const { shape, classes } = loadImages(folder);
      assert.deepEqual(readImageKind(folder), { shape, classes });
    }
    const { shape, classes } = loadImages(writeFiles(temporaryFolder(context), cifarFiles(4)));
    assert.deepEqual(readImageKind(folders[2]), { shape, classes });
  });

  test('reads no pixels: a file of images may end behind its header', (context) => {
    const header = SMALL.get(IMAGES)!.subarray(0, 16);
    const folder = writeFiles(temporaryFolder(context), new Map([...SMALL, [IMAGES, header]]));
    assert.deepEqual(readImageKind(folder), { shape: { height: 9, width: 7, channels: 1 }, classes: 4 });
    assertFileError(() => loadImages(folder), join(folder, IMAGES));
  });

  const wrong: readonly [name: string, bytes: Buffer, sentence: string][] = [
    ['an empty file', Buffer.alloc(0), 'must begin with an idx header of 16 bytes, and has 0'],
    [
      'labels for images',
      idxFile([20], Buffer.alloc(20)),
      'must begin with 0x00000803, as idx files of bytes in 3 dimensions do, got 0x00000801',
    ],
    [
      'images without pixels',
      idxFile([20, 0, 28], Buffer.alloc(0)),
      'must hold images of 1 to 1048576 pixels, got 0 × 28',
    ],
  ];
  for (const [name, bytes, sentence] of wrong) {
    test(`says in one sentence what is wrong: ${name}`, (context) => {
      const folder = writeFiles(temporaryFolder(context), new Map([...SMALL, [IMAGES, bytes]]));
      const path = join(folder, IMAGES);
      assert.equal(
        assertFileError(() => readImageKind(folder), path).message,
        `Cannot read images: ${path} ${sentence}`,
      );
    });
  }
});
