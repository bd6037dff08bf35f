/**
 * A language model on characters: a recurrent network (Elman 1990) predicts the next character of a text. With the
 * embedding E, x_t the character at t and h_0 = 0,
 *
 *     h_t = tanh(E[x_{t−1}]·W_x + h_{t−1}·W_h + b_h)        t = 1…T
 *     f(θ) = the mean over excerpts and t of −ln softmax(h_t·W_o + b_o)[x_t]
 *
 * on excerpts of T + 1 characters, drawn at random for every step.
 */
import type * as tfjs from '@tensorflow/tfjs';
import { meanCrossEntropy } from './cross-entropy.js';
import { fillMinibatch } from './images/minibatch.js';
import { loadText, symbolsOf, type Text } from './language/text.js';
import { sizeOf } from './parameter-tensors.js';
import { checkCoordinates, drawNormal } from './parameters.js';
import type { Batch, Draw, OptionValues, ParameterTensor, ProblemFamily, Problems, Tf } from './problem.js';

/** What a model is made of. */
interface Model {
  /** V. */
  readonly vocabulary: number;
  readonly embedding: number;
  readonly hidden: number;
  /** T: characters that are predicted of an excerpt. */
  readonly context: number;
  /** Excerpts of a minibatch. */
  readonly batch: number;
}

export const language: ProblemFamily = {
  name: 'language',
  summary: 'a recurrent network that predicts the next character of a text, mean cross-entropy over random excerpts',
  options: {
    hidden: { type: 'integer', default: 16, minimum: 1, describe: 'units of the recurrent layer' },
    embedding: { type: 'integer', default: 8, minimum: 1, describe: 'numbers that stand for a character' },
    context: { type: 'integer', default: 12, minimum: 1, describe: 'characters that are predicted of an excerpt' },
    batch: { type: 'integer', default: 8, minimum: 1, describe: 'excerpts of a minibatch' },
    vocabulary: {
      type: 'integer',
      default: 64,
      minimum: 2,
      describe: 'most symbols; the rarest characters share one if there are more',
    },
    'initial-scale': {
      type: 'number',
      default: 1,
      minimum: 0,
      describe: 'standard deviation of the embedding at θ_0, and of weights times the square root of their inputs',
    },
    text: {
      type: 'folder',
      describe: 'a text file in UTF-8 (default: the first four chapters of Alice in Wonderland)',
    },
  },
  training: {
    problems: 1,
    shards: 2,
    unroll: 20,
    learningRate: 1e-3,
    outputScale: 0.01,
    evaluateEvery: 200,
    evaluateFunctions: 8,
  },
  async configure(options: OptionValues): Promise<Problems> {
    const context = options['context'] as number;
    const path = options['text'] as string | undefined;
    const text = loadText(path, options['vocabulary'] as number, context + 1);
    const model: Model = {
      vocabulary: text.vocabulary,
      embedding: options['embedding'] as number,
      hidden: options['hidden'] as number,
      context,
      batch: options['batch'] as number,
    };
    const parameters = tensorsOf(model);
    const coordinates = parameters.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
    checkCoordinates('language', 'hidden', coordinates);
    return {
      coordinates,
      parameters,
      draw: (key, count) => drawModels(parameters, coordinates, key, count, options['initial-scale'] as number),
      loss: (tf, theta, batch, step) => tf.tidy(() => lossOf(tf, theta, model, text, batch, step)),
      dataHashes: { text: text.hash },
    };
  },
};

function tensorsOf({ vocabulary, embedding, hidden }: Model): ParameterTensor[] {
  return [
    { name: 'embedding', shape: [vocabulary, embedding] },
    { name: 'recurrent/input_weights', shape: [embedding, hidden] },
    { name: 'recurrent/hidden_weights', shape: [hidden, hidden] },
    { name: 'recurrent/biases', shape: [hidden] },
    { name: 'output/weights', shape: [hidden, vocabulary] },
    { name: 'output/biases', shape: [vocabulary] },
  ];
}

/** θ_0: the embedding from N(0, scale²), weights from N(0, scale²/inputs), biases 0. */
function drawModels(
  tensors: readonly ParameterTensor[],
  coordinates: number,
  key: Parameters<Problems['draw']>[0],
  count: number,
  scale: number,
): Draw {
  const theta = drawNormal(key, count, coordinates, scale);
  let at = 0;
  for (let p = 0; p < count; p++) {
    for (const tensor of tensors) {
      const end = at + sizeOf(tensor);
      if (tensor.shape.length === 1) theta.fill(0, at, end);
      const factor = tensor.name === 'embedding' ? 1 : 1 / Math.sqrt(tensor.shape[0]!);
      for (; at < end; at++) theta[at]! *= factor;
    }
  }
  return { theta, data: new Float32Array(0) };
}

/**
 * The excerpts of minibatch `step`, time by time: what is read and what is to be predicted, each [P × T × batch]. Their
 * beginnings are functions of (key, problem, step), uniform over the split, with replacement.
 */
export function gatherExcerpts(
  text: Pick<Text, 'splits'>,
  batch: Pick<Batch, 'key' | 'split' | 'part' | 'count'>,
  step: number,
  { context, batch: size }: Pick<Model, 'context' | 'batch'>,
): { read: Int32Array; next: Int32Array } {
  const { key, count } = batch;
  const symbols = symbolsOf(text, batch);
  const beginnings = new Uint32Array(size);
  const length = count * context * size;
  const [read, next] = [new Int32Array(length), new Int32Array(length)];
  for (let p = 0; p < count; p++) {
    fillMinibatch(key, p, step, symbols.length - context, beginnings);
    beginnings.forEach((beginning, b) => {
      for (let t = 0; t < context; t++) {
        const at = (p * context + t) * size + b;
        read[at] = symbols[beginning + t]!;
        next[at] = symbols[beginning + t + 1]!;
      }
    });
  }
  return { read, next };
}

/** f_t of P models θ [P × d]. */
function lossOf(tf: Tf, theta: tfjs.Tensor2D, model: Model, text: Text, batch: Batch, step: number): tfjs.Tensor1D {
  const { vocabulary, context, batch: size } = model;
  const { count } = batch;
  const tensors = tensorsOf(model);
  const [embedding, inputWeights, hiddenWeights, biases, outputWeights, outputBiases] = tf
    .split(theta, tensors.map(sizeOf), 1)
    .map((part, i) => {
      const { shape } = tensors[i]!;
      return tf.reshape(part, [count, shape.length === 1 ? 1 : shape[0]!, shape.at(-1)!]) as tfjs.Tensor3D;
    }) as [tfjs.Tensor3D, tfjs.Tensor3D, tfjs.Tensor3D, tfjs.Tensor3D, tfjs.Tensor3D, tfjs.Tensor3D];
  const { read, next } = gatherExcerpts(text, batch, step, model);
  const rows = context * size;
  // biases are added by a product with ones: tfjs is slow at the gradient of a broadcast
  const ones = tf.ones([count, rows, 1]) as tfjs.Tensor3D;
  const chosen = tf.reshape(tf.oneHot(tf.tensor1d(read, 'int32'), vocabulary), [count, rows, vocabulary]);
  const embedded = tf.matMul(tf.cast(chosen, 'float32') as tfjs.Tensor3D, embedding);
  const input = tf.add(tf.matMul(embedded, inputWeights), tf.matMul(ones, biases));
  // tfjs cannot differentiate a split into one part
  const inputs = context === 1 ? [input] : tf.split(input, context, 1);
  let h: tfjs.Tensor | undefined;
  const states = inputs.map((x) => {
    h = tf.tanh(h ? tf.add(x, tf.matMul(h, hiddenWeights)) : x);
    return h;
  });
  const logits = tf.add(tf.matMul(tf.concat(states, 1), outputWeights), tf.matMul(ones, outputBiases));
  return meanCrossEntropy(tf, logits as tfjs.Tensor3D, next);
}
