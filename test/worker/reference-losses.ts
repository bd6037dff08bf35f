/** The families' losses once more, in float64 and as plainly as can be: the reference of the tests. */

import { valuesOf } from '../../worker/problems/images/image-set.js';
import { loadImages } from '../../worker/problems/images/load.js';
import { fillMinibatch } from '../../worker/problems/images/minibatch.js';
import { loadText } from '../../worker/problems/language/text.js';
import type { Batch, OptionValues } from '../../worker/problems/problem.js';
import { type Drawn, direction, dot, norm } from '../fixtures/drawn-problems.js';

/** f_t of problem p of a batch at one θ. */
export type ReferenceLoss = (theta: Float64Array, batch: Batch, step: number, problem: number) => number;

const REFERENCES: Readonly<Record<string, (options: OptionValues) => ReferenceLoss>> = {
  simple:
    () =>
    ([x]) =>
      x! * x!,
  quadratic: () => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    return squaredResidual(data, theta.length, theta);
  },
  lasso: (options) => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    const norm = theta.reduce((sum, x) => sum + Math.abs(x), 0);
    return squaredResidual(data, options['rows'] as number, theta) / 2 + (options['lambda'] as number) * norm;
  },
  rastrigin: (options) => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    const d = theta.length;
    const alpha = options['alpha'] as number;
    const waves = theta.reduce((sum, x, j) => sum + data[d * d + d + j]! * Math.cos(2 * Math.PI * x), 0);
    return squaredResidual(data, d, theta) / 2 - alpha * waves + alpha * d;
  },
  rosenbrock: () => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    const b = data[theta.length]!;
    const z = theta.map((x, i) => x - data[i]! + 1);
    let sum = 0;
    for (let i = 1; i < z.length; i++) sum += b * (z[i]! - z[i - 1]! ** 2) ** 2 + (1 - z[i - 1]!) ** 2;
    return sum;
  },
  logistic: (options) => (theta, batch, _step, problem) => {
    const [d, examples] = [options['dimension'] as number, options['examples'] as number];
    const data = rowOf(batch, problem);
    let sum = 0;
    for (let i = 0; i < examples; i++) {
      const x = data.subarray(i * d, (i + 1) * d);
      const score = x.reduce((total, feature, j) => total + feature * theta[j]!, theta[d]!);
      const probability = 1 / (1 + Math.exp(-score));
      sum -= Math.log(i % 2 === 0 ? probability : 1 - probability);
    }
    const square = theta.subarray(0, d).reduce((total, w) => total + w * w, 0);
    return sum / examples + ((options['lambda'] as number) / 2) * square;
  },
  mlp: mlpLoss,
  autoencoder: autoencoderLoss,
  conv: convLoss,
  language: languageLoss,
  mix: mixLoss,
};

export function referenceLoss(family: string, options: OptionValues): ReferenceLoss {
  return REFERENCES[family]!(options);
}

/**
 * How far H·v of one problem at a step is from second differences of the loss, over the norms: along H·v itself and along random
 * directions, each with a long step, which may meet a kink of relu, and with shorter ones, which lose digits.
 */
export function curvatureErrors(
  drawn: Pick<Drawn, 'theta' | 'batch'>,
  loss: ReferenceLoss,
  v: Float32Array,
  product: Float32Array,
  step: number,
): number[][] {
  return [product.map((x) => x / norm(product)), direction(drawn, 2), direction(drawn, 3)].map((u) => {
    const at = (a: number, b: number) =>
      loss(
        Float64Array.from(drawn.theta, (x, i) => x + a * u[i]! + b * v[i]!),
        drawn.batch,
        step,
        0,
      );
    return [1e-4, 2e-5, 5e-6].map((e) => {
      const curvature = (at(e, e) - at(e, -e) - at(-e, e) + at(-e, -e)) / (4 * e * e);
      return Math.abs(dot(u, product) - curvature) / (norm(u) * norm(product));
    });
  });
}

/** The recurrent network once more: character by character, excerpt by excerpt. */
function languageLoss(options: OptionValues): ReferenceLoss {
  const [hidden, embedding, context, size] = ['hidden', 'embedding', 'context', 'batch'].map(
    (name) => options[name] as number,
  ) as [number, number, number, number];
  const text = loadText(options['text'] as string | undefined, options['vocabulary'] as number, context + 1);
  const v = text.vocabulary;
  return (theta, { key, split }, step, problem) => {
    const symbols = text.splits[split];
    const beginnings = new Uint32Array(size);
    fillMinibatch(key, problem, step, symbols.length - context, beginnings);
    let at = 0;
    const take = (length: number) => {
      at += length;
      return theta.subarray(at - length, at);
    };
    const [e, wx, wh, b] = [take(v * embedding), take(embedding * hidden), take(hidden * hidden), take(hidden)];
    const [wo, bo] = [take(hidden * v), take(v)];
    const times = (x: ArrayLike<number>, w: Float64Array, column: number, columns: number) =>
      Array.from(x).reduce((sum, value, row) => sum + value * w[row * columns + column]!, 0);
    let total = 0;
    for (const beginning of beginnings) {
      let h = Array<number>(hidden).fill(0);
      for (let t = 0; t < context; t++) {
        const symbol = symbols[beginning + t]!;
        const x = e.subarray(symbol * embedding, (symbol + 1) * embedding);
        h = h.map((_, j) => Math.tanh(times(x, wx, j, hidden) + times(h, wh, j, hidden) + b[j]!));
        const logits = Array.from({ length: v }, (_, k) => times(h, wo, k, v) + bo[k]!);
        total += crossEntropy(logits, symbols[beginning + t + 1]!);
      }
    }
    return total / (size * context);
  };
}

/** The component is told by its number of coordinates, which must differ from the others'. */
function mixLoss(options: OptionValues): ReferenceLoss {
  const names = (options['families'] as string).split(',').map((part) => part.split('=')[0]!);
  return (theta, batch, step, problem) => {
    const family = names.find((name) => options[`${name}.dimension`] === theta.length)!;
    const own = Object.entries(options).filter(([name]) => name.startsWith(`${family}.`));
    const values = Object.fromEntries(own.map(([name, value]) => [name.slice(family.length + 1), value]));
    return referenceLoss(family, values)(theta, batch, step, problem);
  };
}

/** The data of one problem. */
function rowOf({ data, count }: Batch, problem: number): Float32Array {
  const width = data.length / count;
  return data.subarray(problem * width, (problem + 1) * width);
}

/** ||Wθ − y||² of data that begins with W, row by row, and y. */
function squaredResidual(data: Float32Array, rows: number, theta: Float64Array): number {
  const d = theta.length;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const product = theta.reduce((total, x, j) => total + data[i * d + j]! * x, 0);
    sum += (product - data[rows * d + i]!) ** 2;
  }
  return sum;
}

const activations: Record<string, (x: number) => number> = {
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
};

interface LabelledImage {
  image: readonly number[];
  label: number;
}

/** Minibatches by batch, options, step and problem: finite differences ask for each some hundred times. */
const minibatches = new WeakMap<Batch, Map<string, readonly LabelledImage[]>>();

function minibatchOf(options: OptionValues, batch: Batch, step: number, problem: number): readonly LabelledImage[] {
  const known = minibatches.get(batch) ?? new Map<string, readonly LabelledImage[]>();
  minibatches.set(batch, known);
  const name = JSON.stringify([options, step, problem]);
  const images = known.get(name) ?? drawMinibatch(options, batch, step, problem);
  known.set(name, images);
  return images;
}

function drawMinibatch(options: OptionValues, { key, split }: Batch, step: number, problem: number): LabelledImage[] {
  const { shape, splits } = loadImages(options['folder'] as string | undefined);
  const { count, pixels, labels } = splits[split];
  const minibatch = new Uint32Array(options['batch'] as number);
  fillMinibatch(key, problem, step, count, minibatch);
  return Array.from(minibatch, (image) => {
    const bytes = pixels.subarray(image * valuesOf(shape), (image + 1) * valuesOf(shape));
    return { image: Array.from(bytes, (byte) => byte / 255), label: labels[image]! };
  });
}

/** The mean over a minibatch of what `lossOf` makes of each image and its label. */
function meanOverImages(
  options: OptionValues,
  lossOf: (theta: Float64Array, image: readonly number[], label: number) => number,
): ReferenceLoss {
  return (theta, batch, step, problem) => {
    const images = minibatchOf(options, batch, step, problem);
    const total = images.reduce((sum, { image, label }) => sum + lossOf(theta, image, label), 0);
    return total / images.length;
  };
}

function shapeOf(options: OptionValues): { sides: [number, number, number]; values: number; classes: number } {
  const { shape, classes } = loadImages(options['folder'] as string | undefined);
  return { sides: [shape.height, shape.width, shape.channels], values: valuesOf(shape), classes };
}

/** The outputs of a dense network with these widths, the last layer's without an activation. */
function denseNetwork(
  theta: Float64Array,
  sizes: readonly number[],
  activation: string,
  x: readonly number[],
): readonly number[] {
  let a = x;
  let at = 0;
  for (let l = 1; l < sizes.length; l++) {
    const [inputs, outputs] = [sizes[l - 1]!, sizes[l]!];
    const z = Array.from(theta.subarray(at + inputs * outputs, at + (inputs + 1) * outputs));
    for (let i = 0; i < inputs; i++) {
      if (a[i] !== 0) for (let o = 0; o < outputs; o++) z[o]! += a[i]! * theta[at + i * outputs + o]!;
    }
    at += (inputs + 1) * outputs;
    a = l < sizes.length - 1 ? z.map(activations[activation]!) : z;
  }
  return a;
}

function crossEntropy(z: readonly number[], label: number): number {
  const largest = Math.max(...z);
  const sum = z.reduce((partial, logit) => partial + Math.exp(logit - largest), 0);
  return Math.log(sum) + largest - z[label]!;
}

function mlpLoss(options: OptionValues): ReferenceLoss {
  const { values, classes } = shapeOf(options);
  const sizes = [values, ...(options['hidden'] as number[]), classes];
  return meanOverImages(options, (theta, image, label) =>
    crossEntropy(denseNetwork(theta, sizes, options['activation'] as string, image), label),
  );
}

function autoencoderLoss(options: OptionValues): ReferenceLoss {
  const { values } = shapeOf(options);
  const sizes = [values, ...(options['hidden'] as number[]), values];
  return meanOverImages(options, (theta, image) => {
    const y = denseNetwork(theta, sizes, options['activation'] as string, image).map(activations['sigmoid']!);
    const errors = y.map((value, i) =>
      options['loss'] === 'squared-error'
        ? (value - image[i]!) ** 2
        : -(image[i]! * Math.log(value) + (1 - image[i]!) * Math.log(1 - value)),
    );
    return errors.reduce((sum, error) => sum + error) / values;
  });
}

/** Filters at stride 2, padded as TensorFlow's "same": by what is missing, the smaller half of it before. */
function convLoss(options: OptionValues): ReferenceLoss {
  const { sides, classes } = shapeOf(options);
  const k = options['kernel'] as number;
  return meanOverImages(options, (theta, image, label) => {
    let [height, width, channels] = sides;
    let a = image;
    let at = 0;
    for (const filters of options['filters'] as number[]) {
      const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)];
      const top = Math.max(0, (rows - 1) * 2 + k - height) >> 1;
      const left = Math.max(0, (columns - 1) * 2 + k - width) >> 1;
      const biases = at + k * k * channels * filters;
      const next: number[] = [];
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          for (let f = 0; f < filters; f++) {
            let sum = theta[biases + f]!;
            for (let i = 0; i < k; i++) {
              for (let j = 0; j < k; j++) {
                const [y, x] = [2 * row + i - top, 2 * column + j - left];
                if (y < 0 || x < 0 || y >= height || x >= width) continue;
                for (let c = 0; c < channels; c++) {
                  sum += a[(y * width + x) * channels + c]! * theta[at + ((i * k + j) * channels + c) * filters + f]!;
                }
              }
            }
            next.push(Math.max(sum, 0));
          }
        }
      }
      a = next;
      at = biases + filters;
      [height, width, channels] = [rows, columns, filters];
    }
    return crossEntropy(denseNetwork(theta.subarray(at), [a.length, classes], 'relu', a), label);
  });
}
