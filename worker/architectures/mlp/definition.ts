/**
 * The perceptron's step in float64 on ordinary arrays, one tensor at a time: the definition that faster implementations are
 * tested against.
 */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { type Feature, featuresOf } from '../../../shared/architectures/mlp-features.js';
import { exp } from '../../../shared/elementary.js';
import type { StepInput, StepOutput } from '../architecture.js';
import { type Clock, elementsOf, type MatrixShape, matrixOf, stateLengths } from '../layout.js';
import { orthogonalised } from './newton-schulz.js';
import {
  CELO2_CLIP,
  CELO2_VECTOR_RATE,
  initialScale,
  MEAN_DECAYS,
  RULE_NUMBERS,
  scheduleAt,
  TINY,
  tensorScalars,
  timeEmbedding,
} from './numbers.js';
import { type Perceptron, perceptronOf } from './perceptron.js';
import { type TensorState, tensorStates } from './tensor-state.js';

/** A tensor at a step. */
interface Tensor {
  readonly config: MlpConfig;
  readonly shape: readonly number[];
  readonly matrix: MatrixShape | undefined;
  readonly clock: Clock;
  /** ∇, clipped to the rule's largest. */
  readonly gradient: Float64Array;
  readonly theta: Float64Array;
  readonly network: Perceptron;
}

/**
 * (g_t, h_{t+1}) of every tensor separately, in float64. The state is by part, each part problem by problem and tensor by
 * tensor. Does not write to its arguments.
 */
export function mlpStep(
  config: MlpConfig,
  phi: Float64Array,
  { gradient, theta, layout, clock }: StepInput<Float64Array>,
  state: readonly Float64Array[],
): StepOutput<Float64Array, Float64Array[]> {
  if (!theta || !layout || !clock) throw new TypeError('Cannot step: θ, its tensors and the time must be given');
  const next = stateLengths(config, layout).map((length, part) => Float64Array.from(state[part]!.subarray(0, length)));
  const network = perceptronOf(config, phi);
  const updates = new Float64Array(gradient.length);
  let at = 0;
  for (const own of tensorStates(config, layout, next)) {
    const end = at + elementsOf(own.shape);
    const limit = RULE_NUMBERS[config.rule].largestGradient;
    const clipped = gradient.slice(at, end).map((value) => Math.min(limit, Math.max(-limit, value)));
    const tensor = { config, clock, network, shape: own.shape, matrix: matrixOf(own.shape), gradient: clipped };
    updates.set(tensorStep({ ...tensor, theta: theta.subarray(at, end) }, own), at);
    at = end;
  }
  return { updates, state: next };
}

/** The updates of one tensor; its state advances in place. */
function tensorStep(tensor: Tensor, state: TensorState<Float64Array>): Float64Array {
  const { config, clock, network, gradient, theta, matrix } = tensor;
  const numbers = RULE_NUMBERS[config.rule];
  advance(tensor, state);
  const corrected = MEAN_DECAYS.map((decay, k) => {
    const factor = numbers.invariant ? 1 / (1 - decay ** (clock.step + 1)) : 1;
    return state.means[k]!.map((value) => value * factor);
  });
  const features = featuresFor(tensor, state, corrected);
  const rate = numbers.step * config.stepScale * scheduleAt(config, clock);
  if (config.rule === 'celo2' && !matrix) return adamVector(tensor, state, CELO2_VECTOR_RATE * rate);

  const names = featuresOf(config.rule);
  const normalised = names.map((name) => normalise(features.get(name), gradient.length, numbers.epsilon.norm));
  const scalars = scalarsFor(tensor, state, corrected);
  const outputs = Array.from({ length: gradient.length }, (_, i) =>
    network.evaluate([...normalised.map((feature) => feature[i]!), ...scalars]),
  );
  const { factor, low, high } = numbers.magnitude;
  const sizeOf = (magnitude: number) => exp(Math.min(high, Math.max(low, factor * magnitude)));
  switch (config.rule) {
    case 'celo2': {
      const directions = Float64Array.from(outputs, ([direction]) => direction!);
      const turned = config.orthogonalise ? orthogonalised(directions, matrix!) : directions;
      return normalise(turned, turned.length, numbers.epsilon.norm).map((value) => -rate * value);
    }
    case 'small-fc':
      return Float64Array.from(outputs, ([direction, magnitude]) => -rate * direction! * sizeOf(magnitude!));
    default: {
      const adam = normalise(features.get('mean 1 / root'), theta.length, 0);
      const slow = normalise(corrected[1], theta.length, 0);
      const scale = rate * state.scale![0]!;
      return Float64Array.from(outputs, ([direction, magnitude], i) => {
        const learned = config.rule === 'general' ? direction! : direction! * slow[i]!;
        return -scale * sizeOf(magnitude!) * (adam[i]! + learned);
      });
    }
  }
}

/** The running means, and the tensor's scale at the first step. */
function advance({ gradient, theta, matrix, clock, config, network }: Tensor, state: TensorState<Float64Array>): void {
  const { decays } = network;
  state.means.forEach((mean, k) => {
    blend(mean, decays.means[k]!, (i) => gradient[i]!);
  });
  blend(state.square, decays.square, (i) => gradient[i]! ** 2);
  // what keeps the factors positive in the published rules
  const floor = RULE_NUMBERS[config.rule].invariant ? 0 : TINY;
  if (matrix) {
    const { rows, columns } = matrix;
    const at = (r: number, c: number) => gradient[r * columns + c]! ** 2 + floor;
    state.rows.forEach((row, k) => {
      blend(row, decays.factors[k]!, (r) => meanOf(columns, (c) => at(r, c)));
    });
    state.columns.forEach((column, k) => {
      blend(column, decays.factors[k]!, (c) => meanOf(rows, (r) => at(r, c)));
    });
  }
  state.squares.forEach((square, k) => {
    blend(square, decays.factors[k]!, (i) => gradient[i]! ** 2 + floor);
  });
  if (state.scale && clock.step === 0) {
    const size = rootMeanSquare(theta);
    state.scale[0] = initialScale(size, matrix !== undefined);
  }
}

/** Every feature that the tensor has, by name, not normalised; those of a row or column are repeated. */
function featuresFor(
  { config, gradient, theta, matrix, clock }: Tensor,
  state: TensorState<Float64Array>,
  corrected: readonly Float64Array[],
): Map<Feature, Float64Array> {
  const { invariant, epsilon, squareDecay } = RULE_NUMBERS[config.rule];
  const count = clock.step + 1;
  const square = invariant ? state.square.map((value) => value / (1 - squareDecay ** count)) : state.square;
  const rootEpsilon = invariant ? epsilon.root * mean(square) + TINY : epsilon.root;
  const root = square.map((value) => 1 / Math.sqrt(value + rootEpsilon));
  const limit = config.rule === 'celo2' ? CELO2_CLIP : rootMeanSquare(gradient);
  const features = new Map<Feature, Float64Array>([
    ['gradient', gradient],
    ['clipped gradient', gradient.map((value) => Math.min(limit, Math.max(-limit, value)))],
    ['parameter', theta],
    // in its own unit, which the normalisation takes away again: a square of a square is too small for float32
    ['square', invariant ? square.map((value) => value / (mean(square) + TINY)) : square],
    ['1 / root', root],
    ['gradient / root', gradient.map((value, i) => value * root[i]!)],
  ]);
  corrected.forEach((values, k) => {
    features.set(`mean ${k + 1}` as Feature, values);
    features.set(
      `mean ${k + 1} / root` as Feature,
      values.map((value, i) => value * root[i]!),
    );
  });
  if (matrix && state.rows.length > 0)
    addFactors(features, { matrix, gradient, corrected, state, invariant, epsilon: epsilon.factor, count });
  else if (config.rule === 'small-fc') addSquares(features, gradient, corrected, state.squares);
  return features;
}

/** What the factors of a matrix are made of. */
interface Factored {
  readonly matrix: MatrixShape;
  readonly gradient: Float64Array;
  readonly corrected: readonly Float64Array[];
  readonly state: TensorState<Float64Array>;
  readonly invariant: boolean;
  readonly epsilon: number;
  /** Steps so far, with this one. */
  readonly count: number;
}

/**
 * Adafactor's factors (Shazeer and Stern 2018, arXiv 1804.04235): ∇ and the running means over √(row·column/mean). "Rows"
 * are along the shorter side of the matrix, and its rows if it is square.
 */
function addFactors(features: Map<Feature, Float64Array>, factored: Factored): void {
  const { matrix, gradient, corrected, state, invariant, epsilon, count } = factored;
  const { rows, columns } = matrix;
  const upright = rows <= columns;
  const rowOf = (i: number) => Math.floor(i / columns);
  const columnOf = (i: number) => i % columns;
  const spread = (values: Float64Array, index: (i: number) => number) => gradient.map((_, i) => values[index(i)]!);
  MEAN_DECAYS.forEach((decay, k) => {
    const correction = invariant ? 1 / (1 - decay ** count) : 1;
    const [own, other] = (upright ? [state.rows[k]!, state.columns[k]!] : [state.columns[k]!, state.rows[k]!]).map(
      (values) => values.map((value) => value * correction),
    ) as [Float64Array, Float64Array];
    const [ownIndex, otherIndex] = upright ? [rowOf, columnOf] : [columnOf, rowOf];
    const middle = mean(own);
    const ownFactor = own.map((value) =>
      invariant ? 1 / Math.sqrt(value / (middle + TINY) + epsilon) : safeRoot(value / (middle + 1e-9)),
    );
    const otherEpsilon = epsilon * mean(other) + TINY;
    const otherFactor = other.map((value) => (invariant ? 1 / Math.sqrt(value + otherEpsilon) : safeRoot(value)));
    const factor = gradient.map((_, i) => ownFactor[ownIndex(i)]! * otherFactor[otherIndex(i)]!);
    const name = (text: string) => `${text} ${k + 1}` as Feature;
    features.set(
      name('factored gradient'),
      gradient.map((value, i) => value * factor[i]!),
    );
    features.set(
      name('factored mean'),
      corrected[k]!.map((value, i) => value * factor[i]!),
    );
    for (const [side, values, index] of [
      ['row', own, ownIndex],
      ['column', other, otherIndex],
    ] as const) {
      const small = invariant ? epsilon * mean(values) + TINY : epsilon;
      const unit = invariant ? mean(values) + TINY : 1;
      features.set(
        name(side),
        spread(
          values.map((value) => value / unit),
          index,
        ),
      );
      features.set(
        name(`1 / root ${side}`),
        spread(
          values.map((value) => 1 / Math.sqrt(value + small)),
          index,
        ),
      );
    }
  });
}

/** What `small-fc` reads of a vector in place of factors: the running means of ∇² themselves. */
function addSquares(
  features: Map<Feature, Float64Array>,
  gradient: Float64Array,
  corrected: readonly Float64Array[],
  squares: readonly Float64Array[],
): void {
  squares.forEach((square, k) => {
    const name = (text: string) => `${text} ${k + 1}` as Feature;
    features.set(
      name('factored gradient'),
      gradient.map((value, i) => value * safeRoot(square[i]! + 1e-9)),
    );
    features.set(
      name('factored mean'),
      corrected[k]!.map((value, i) => value / Math.sqrt(square[i]! + 1e-6)),
    );
    for (const side of ['row', 'column']) {
      features.set(name(side), square);
      features.set(
        name(`1 / root ${side}`),
        square.map((value) => 1 / Math.sqrt(value + 1e-8)),
      );
    }
  });
}

/** What the network reads besides features of coordinates. */
function scalarsFor(
  { config, clock, gradient, theta, matrix }: Tensor,
  state: TensorState<Float64Array>,
  corrected: readonly Float64Array[],
): number[] {
  if (config.rule === 'celo2') return [];
  if (config.rule === 'small-fc') return timeEmbedding(clock.step);
  const sizes = {
    gradient: rootMeanSquare(gradient),
    parameter: rootMeanSquare(theta),
    means: corrected.map(rootMeanSquare),
    scale: state.scale![0]!,
    isMatrix: matrix !== undefined,
  };
  return tensorScalars(sizes, clock);
}

/** Adam's step of a vector, which `celo2` takes instead of its own, with β 0.9 and 0.95. */
function adamVector({ clock }: Tensor, { means, square }: TensorState<Float64Array>, rate: number): Float64Array {
  const count = clock.step + 1;
  const [first, second] = [1 - MEAN_DECAYS[0] ** count, 1 - RULE_NUMBERS.celo2.squareDecay ** count];
  return means[0]!.map((value, i) => (-rate * (value / first)) / (Math.sqrt(square[i]! / second) + 1e-8));
}

/** value ← β·value + (1 − β)·x_i. */
function blend(values: Float64Array, decay: number, x: (i: number) => number): void {
  for (let i = 0; i < values.length; i++) values[i] = decay * values[i]! + (1 - decay) * x(i);
}

/** A feature over its root mean square, √(mean + ε); zeros for one that the tensor does not have. */
function normalise(feature: Float64Array | undefined, length: number, epsilon: number): Float64Array {
  if (!feature) return new Float64Array(length);
  const size = Math.sqrt(mean(feature.map((value) => value * value)) + epsilon);
  return size > 0 ? feature.map((value) => value / size) : feature;
}

function safeRoot(value: number): number {
  return 1 / Math.sqrt(Math.max(value, 1e-9));
}

function mean(values: Float64Array): number {
  return meanOf(values.length, (i) => values[i]!);
}

function meanOf(count: number, value: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += value(i);
  return sum / count;
}

function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(meanOf(values.length, (i) => values[i]! ** 2) + TINY);
}
