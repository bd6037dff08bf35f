/** The perceptron's step as plain tensor operations; the equations are those of `mlpStep` in definition.ts. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { type Feature, featuresOf } from '../../../shared/architectures/mlp-features.js';
import { architectureOf } from '../../../shared/architectures/registry.js';
import type { ColumnState, StepInput, StepOutput, TensorOperations } from '../architecture.js';
import { type Clock, elementsOf, entriesOf, type MatrixShape, matrixOf } from '../layout.js';
import { COEFFICIENTS, ITERATIONS } from './newton-schulz.js';
import {
  CELO2_CLIP,
  CELO2_VECTOR_RATE,
  LEAST_VECTOR_SCALE,
  MEAN_DECAYS,
  NO_SIZE,
  RULE_NUMBERS,
  scheduleAt,
  TINY,
  timeEmbedding,
  timeScalars,
} from './numbers.js';

type Tensor = tfjs.Tensor;

/** β of the running means: tensors [1] that are learned, or numbers. */
interface Decays {
  readonly means: readonly Tensor[];
  readonly square: Tensor;
  readonly factors: readonly Tensor[];
}

/** A tensor of θ at a step; all vectors are [n, 1]. */
interface Slice {
  readonly tf: TensorOperations;
  readonly config: MlpConfig;
  readonly clock: Clock;
  readonly matrix: MatrixShape | undefined;
  readonly gradient: Tensor;
  readonly theta: Tensor;
  readonly decays: Decays;
  readonly layers: readonly (readonly [weights: Tensor, biases: Tensor])[];
}

/** The state of a tensor by the names of its parts. */
type Parts = Map<string, Tensor>;

/** (g, h') = m(∇, θ, h, φ), differentiable in all of them. */
export function mlpTensorStep(
  tf: TensorOperations,
  config: MlpConfig,
  phi: readonly Tensor[],
  { gradient, theta, layout, clock }: StepInput<tfjs.Tensor1D>,
  state: ColumnState,
): StepOutput<tfjs.Tensor1D, ColumnState> {
  if (!theta || !layout || !clock) throw new TypeError('Cannot step: θ, its tensors and the time must be given');
  const parts = architectureOf(config).state(config);
  const learned = config.rule === 'small-fc' ? 3 : 0;
  const decays = decaysOf(tf, config, phi.slice(0, learned));
  const weights = phi.slice(learned);
  const layers = Array.from({ length: weights.length / 2 }, (_, l) => [weights[2 * l]!, weights[2 * l + 1]!] as const);
  const limit = RULE_NUMBERS[config.rule].largestGradient;
  const updates: Tensor[] = [];
  const next: Tensor[][] = parts.map(() => []);
  const at = parts.map(() => 0);
  let first = 0;
  for (let problem = 0; problem < layout.problems; problem++) {
    for (const shape of layout.tensors) {
      const length = elementsOf(shape);
      const own: Parts = new Map();
      parts.forEach((part, index) => {
        const entries = entriesOf(part, shape);
        own.set(part.name, entries === 0 ? tf.zeros([0, 1]) : tf.slice(state[index]!, [at[index]!, 0], [entries, 1]));
        at[index]! += entries;
      });
      const column = (row: tfjs.Tensor1D) => tf.reshape(tf.slice(row, first, length), [length, 1]);
      const slice: Slice = {
        tf,
        config,
        clock,
        matrix: matrixOf(shape),
        gradient: tf.clipByValue(column(gradient), -limit, limit),
        theta: column(theta),
        decays,
        layers,
      };
      updates.push(sliceStep(slice, own));
      parts.forEach(({ name }, index) => void next[index]!.push(own.get(name)!));
      first += length;
    }
  }
  return {
    updates: tf.reshape(tf.concat(updates), [gradient.size]),
    // a part that no tensor has stays as it is: TensorFlow.js loses the type of what is empty
    state: next.map((pieces, index) => {
      const before = state[index]!;
      return before.size === 0 ? tf.clone(before) : (tf.concat(pieces.filter(({ size }) => size > 0)) as tfjs.Tensor2D);
    }),
  };
}

function decaysOf(tf: TensorOperations, { rule }: MlpConfig, learned: readonly Tensor[]): Decays {
  const [means, square, factors] = learned;
  const changed = (decay: number, changes: Tensor | undefined, k: number): Tensor => {
    if (!changes) return tf.scalar(decay);
    const change = tf.slice(tf.reshape(changes, [changes.size]), k, 1);
    return tf.clipByValue(tf.sub(1, tf.mul(1 - decay, tf.exp(tf.mul(change, 10)))), 0, 1);
  };
  return {
    means: MEAN_DECAYS.map((decay, k) => changed(decay, means, k)),
    square: changed(RULE_NUMBERS[rule].squareDecay, square, 0),
    factors: MEAN_DECAYS.map((decay, k) => changed(decay, factors, k)),
  };
}

/** The updates of one tensor, [n, 1]; the parts become those of the next step. */
function sliceStep(slice: Slice, parts: Parts): Tensor {
  const { tf, config, clock, gradient, matrix, layers } = slice;
  const numbers = RULE_NUMBERS[config.rule];
  advance(slice, parts);
  const corrected = MEAN_DECAYS.map((decay, k) =>
    tf.mul(parts.get(`mean_${k + 1}`)!, numbers.invariant ? 1 / (1 - decay ** (clock.step + 1)) : 1),
  );
  const rate = numbers.step * config.stepScale * scheduleAt(config, clock);
  if (config.rule === 'celo2' && !matrix) return adamVector(slice, parts, CELO2_VECTOR_RATE * rate);
  const features = featuresFor(slice, parts, corrected);
  const names = featuresOf(config.rule);
  const rows = gradient.shape[0]!;
  const columns = names.map((name) => normalise(tf, features.get(name), rows, numbers.epsilon.norm));
  const shared = scalarsFor(slice, parts, corrected);
  const repeated = shared ? [tf.tile(tf.reshape(shared, [1, shared.size]), [rows, 1])] : [];
  let values: Tensor = tf.concat([...columns, ...repeated], 1);
  layers.forEach(([weights, biases], l) => {
    if (l > 0) values = tf.relu(values);
    values = tf.add(tf.matMul(values as tfjs.Tensor2D, weights as tfjs.Tensor2D), biases);
  });
  const [direction, magnitude] = tf.split(values, 2, 1) as [Tensor, Tensor];
  const { factor, low, high } = numbers.magnitude;
  const size = tf.exp(tf.clipByValue(tf.mul(magnitude, factor), low, high));
  switch (config.rule) {
    case 'celo2': {
      const turned = config.orthogonalise ? orthogonalised(tf, direction, matrix!) : direction;
      return tf.mul(normalise(tf, turned, rows, numbers.epsilon.norm), -rate);
    }
    case 'small-fc':
      return tf.mul(tf.mul(direction, size), -rate);
    default: {
      const adam = normalise(tf, features.get('mean 1 / root'), rows, 0);
      const learned = config.rule === 'general' ? direction : tf.mul(direction, normalise(tf, corrected[1], rows, 0));
      const scale = tf.mul(parts.get('scale')!, -rate);
      return tf.mul(tf.mul(size, scale), tf.add(adam, learned));
    }
  }
}

function advance({ tf, config, clock, gradient, theta, matrix, decays }: Slice, parts: Parts): void {
  const blend = (name: string, decay: Tensor, value: Tensor) =>
    parts.set(name, tf.add(tf.mul(decay, parts.get(name)!), tf.mul(tf.sub(1, decay), value)));
  const square = tf.square(gradient);
  decays.means.forEach((decay, k) => void blend(`mean_${k + 1}`, decay, gradient));
  blend('square', decays.square, square);
  const raised = RULE_NUMBERS[config.rule].invariant ? square : tf.add(square, TINY);
  decays.factors.forEach((decay, k) => {
    if (matrix && parts.has('row_1')) {
      const table = tf.reshape(raised, [matrix.rows, matrix.columns]);
      blend(`row_${k + 1}`, decay, tf.reshape(tf.mean(table, 1), [matrix.rows, 1]));
      blend(`column_${k + 1}`, decay, tf.reshape(tf.mean(table, 0), [matrix.columns, 1]));
    } else if (!matrix && parts.has('square_1')) {
      blend(`square_${k + 1}`, decay, raised);
    }
  });
  if (parts.has('scale') && clock.step === 0) {
    const size = rootMeanSquare(tf, theta);
    // 1 where there is no size
    const missing = tf.sub(1, tf.step(tf.sub(size, NO_SIZE)));
    const scale = matrix ? tf.add(size, tf.mul(missing, LEAST_VECTOR_SCALE)) : tf.maximum(size, LEAST_VECTOR_SCALE);
    parts.set('scale', tf.reshape(scale, [1, 1]));
  }
}

function featuresFor(slice: Slice, parts: Parts, corrected: readonly Tensor[]): Map<Feature, Tensor> {
  const { tf, config, clock, gradient, theta, matrix } = slice;
  const { invariant, epsilon, squareDecay } = RULE_NUMBERS[config.rule];
  const count = clock.step + 1;
  const square = tf.mul(parts.get('square')!, invariant ? 1 / (1 - squareDecay ** count) : 1);
  const middle = tf.add(tf.mean(square), TINY);
  const small = invariant ? tf.add(tf.mul(tf.mean(square), epsilon.root), TINY) : tf.scalar(epsilon.root);
  const root = tf.div(1, tf.sqrt(tf.add(square, small)));
  // minimum and maximum have gradients for tensors of one shape alone
  const limit = tf.mul(tf.onesLike(gradient), config.rule === 'celo2' ? CELO2_CLIP : rootMeanSquare(tf, gradient));
  const features = new Map<Feature, Tensor>([
    ['gradient', gradient],
    ['clipped gradient', tf.minimum(limit, tf.maximum(tf.neg(limit), gradient))],
    ['parameter', theta],
    ['square', invariant ? tf.div(square, middle) : square],
    ['1 / root', root],
    ['gradient / root', tf.mul(gradient, root)],
  ]);
  corrected.forEach((values, k) => {
    features.set(`mean ${k + 1}` as Feature, values);
    features.set(`mean ${k + 1} / root` as Feature, tf.mul(values, root));
  });
  if (matrix && parts.has('row_1')) addFactors(slice, features, parts, corrected, matrix);
  else if (config.rule === 'small-fc') addSquares(slice, features, parts, corrected);
  return features;
}

function addFactors(
  { tf, config, clock, gradient }: Slice,
  features: Map<Feature, Tensor>,
  parts: Parts,
  corrected: readonly Tensor[],
  { rows, columns }: MatrixShape,
): void {
  const { invariant, epsilon } = RULE_NUMBERS[config.rule];
  const upright = rows <= columns;
  const spread = (values: Tensor, isRows: boolean) =>
    tf.reshape(tf.tile(tf.reshape(values, isRows ? [rows, 1] : [1, columns]), isRows ? [1, columns] : [rows, 1]), [
      rows * columns,
      1,
    ]);
  MEAN_DECAYS.forEach((decay, k) => {
    const correction = invariant ? 1 / (1 - decay ** (clock.step + 1)) : 1;
    const sides = ['row', 'column'].map((side) => tf.mul(parts.get(`${side}_${k + 1}`)!, correction));
    const [own, other] = (upright ? sides : sides.reverse()) as [Tensor, Tensor];
    const small = (values: Tensor) =>
      invariant ? tf.add(tf.mul(tf.mean(values), epsilon.factor), TINY) : tf.scalar(epsilon.factor);
    const share = tf.div(own, tf.add(tf.mean(own), invariant ? TINY : 1e-9));
    const ownFactor = invariant ? tf.div(1, tf.sqrt(tf.add(share, epsilon.factor))) : safeRoot(tf, share);
    const otherFactor = invariant ? tf.div(1, tf.sqrt(tf.add(other, small(other)))) : safeRoot(tf, other);
    const factor = tf.mul(spread(ownFactor, upright), spread(otherFactor, !upright));
    const name = (text: string) => `${text} ${k + 1}` as Feature;
    features.set(name('factored gradient'), tf.mul(gradient, factor));
    features.set(name('factored mean'), tf.mul(corrected[k]!, factor));
    for (const [side, values, isRows] of [
      ['row', own, upright],
      ['column', other, !upright],
    ] as const) {
      const unit = invariant ? tf.add(tf.mean(values), TINY) : tf.scalar(1);
      features.set(name(side), spread(tf.div(values, unit), isRows));
      features.set(name(`1 / root ${side}`), spread(tf.div(1, tf.sqrt(tf.add(values, small(values)))), isRows));
    }
  });
}

function addSquares(
  { tf, gradient }: Slice,
  features: Map<Feature, Tensor>,
  parts: Parts,
  corrected: readonly Tensor[],
): void {
  corrected.forEach((values, k) => {
    const square = parts.get(`square_${k + 1}`)!;
    const name = (text: string) => `${text} ${k + 1}` as Feature;
    features.set(name('factored gradient'), tf.mul(gradient, safeRoot(tf, tf.add(square, 1e-9))));
    features.set(name('factored mean'), tf.div(values, tf.sqrt(tf.add(square, 1e-6))));
    for (const side of ['row', 'column']) {
      features.set(name(side), square);
      features.set(name(`1 / root ${side}`), tf.div(1, tf.sqrt(tf.add(square, 1e-8))));
    }
  });
}

/** The inputs that the tensor's coordinates share, [their number]; undefined if there are none. */
function scalarsFor(slice: Slice, parts: Parts, corrected: readonly Tensor[]): Tensor | undefined {
  const { tf, config, clock, gradient, theta, matrix } = slice;
  if (config.rule === 'celo2') return undefined;
  if (config.rule === 'small-fc') return tf.tensor1d(timeEmbedding(clock.step));
  const plain = [...timeScalars(clock), matrix ? 1 : 0];
  const gradientSize = rootMeanSquare(tf, gradient);
  const noise = corrected.map((values) =>
    tf.mul(tf.log(tf.add(tf.div(rootMeanSquare(tf, values), gradientSize), 1e-6)), 0.5),
  );
  const scale = tf.reshape(parts.get('scale')!, []);
  const growth = tf.mul(tf.log(tf.maximum(tf.div(rootMeanSquare(tf, theta), scale), 1e-3)), 0.5);
  return tf.concat([tf.stack(noise), tf.tensor1d(plain), tf.reshape(growth, [1])] as tfjs.Tensor1D[]);
}

function adamVector({ tf, clock }: Slice, parts: Parts, rate: number): Tensor {
  const count = clock.step + 1;
  const mean = tf.div(parts.get('mean_1')!, 1 - MEAN_DECAYS[0] ** count);
  const square = tf.div(parts.get('square')!, 1 - RULE_NUMBERS.celo2.squareDecay ** count);
  return tf.mul(tf.div(mean, tf.add(tf.sqrt(square), 1e-8)), -rate);
}

function normalise(tf: TensorOperations, feature: Tensor | undefined, rows: number, epsilon: number): Tensor {
  if (!feature) return tf.zeros([rows, 1]);
  // the slope of a root at 0 is infinite
  return tf.div(feature, tf.sqrt(tf.add(tf.mean(tf.square(feature)), Math.max(epsilon, TINY))));
}

function rootMeanSquare(tf: TensorOperations, values: Tensor): Tensor {
  return tf.sqrt(tf.add(tf.mean(tf.square(values)), TINY));
}

function safeRoot(tf: TensorOperations, values: Tensor): Tensor {
  return tf.div(1, tf.sqrt(tf.maximum(values, tf.fill(values.shape, 1e-9))));
}

/** As in newton-schulz.ts. */
function orthogonalised(tf: TensorOperations, direction: Tensor, { rows, columns }: MatrixShape): Tensor {
  const table = tf.reshape(direction, [rows, columns]) as tfjs.Tensor2D;
  const tall = rows > columns;
  let x = tall ? tf.transpose(table) : table;
  x = tf.div(x, tf.add(tf.norm(x), 1e-8));
  const [a, b, c] = COEFFICIENTS;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const gram = tf.matMul(x, x, false, true);
    const polynomial = tf.add(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c)) as tfjs.Tensor2D;
    x = tf.add(tf.mul(x, a), tf.matMul(polynomial, x));
  }
  return tf.reshape(tall ? tf.transpose(x) : x, [rows * columns, 1]);
}
