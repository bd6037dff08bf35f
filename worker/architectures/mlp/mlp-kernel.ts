/** The perceptron's steps by a kernel's passes: what they share over a tensor is computed here, in double precision. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { COORDINATE_FEATURES } from '../../../shared/architectures/mlp-features.js';
import { exp } from '../../../shared/elementary.js';
import type { HostKernel, HostKernelOptions, HostWalk } from '../host-kernel.js';
import { type Clock, type CoordinateLayout, coordinatesIn } from '../layout.js';
import { adamVector, turnedUpdates } from './celo2-steps.js';
import { Factors } from './factors.js';
import { Network } from './network.js';
import {
  CELO2_CLIP,
  initialScale,
  MEAN_DECAYS,
  power,
  RULE_NUMBERS,
  scheduleAt,
  TINY,
  tensorScalars,
  timeEmbedding,
} from './numbers.js';
import { FEATURE_NUMBERS, MOMENT_NUMBERS, padded, type TensorKernel, UNITS } from './passes.js';
import { type PlacedTensor, type Placement, place, problemStateLength } from './placement.js';

/** Another number whenever the passes or this file compute other bits. */
const ARITHMETIC = 1;

const ADAM = COORDINATE_FEATURES.indexOf('mean 1 / root');
const SLOW = COORDINATE_FEATURES.indexOf('mean 2');

/** Sums of a tensor that `moments` writes. */
const MOMENT_SUMS = 6;

/** Computes in one thread; only goes forward. */
export class MlpKernel implements HostKernel {
  readonly description: string;
  readonly #config: MlpConfig;
  readonly #kernel: TensorKernel;
  readonly #network: Network;
  readonly #factors: Factors;
  /** Scratch: the numbers of the passes, and their sums. */
  readonly #momentNumbers: number;
  readonly #featureNumbers: number;
  readonly #sums: number;
  #placement: { layout: CoordinateLayout; placed: Placement } | undefined;

  /** @param create the passes for layers of so many units each, padded */
  constructor(
    create: (units: readonly number[], strict: boolean) => TensorKernel,
    config: MlpConfig,
    { strict }: HostKernelOptions,
  ) {
    this.#config = config;
    this.#kernel = create(config.rule === 'control' ? [] : config.units.map((width) => padded(width, UNITS)), strict);
    const { memory } = this.#kernel;
    this.#momentNumbers = memory.allocate(4 * MOMENT_NUMBERS.length);
    this.#featureNumbers = memory.allocate(4 * FEATURE_NUMBERS.length);
    this.#sums = memory.allocate(4 * COORDINATE_FEATURES.length);
    this.#network = new Network(config, this.#kernel);
    memory.hold();
    this.#factors = new Factors(config, this.#kernel);
    this.description = `MLP by tensors, arithmetic ${ARITHMETIC} (${strict ? 'strict' : 'fused'})`;
  }

  loadPhi(phi: Float32Array): void {
    this.#network.load(phi);
    const { largestGradient } = RULE_NUMBERS[this.#config.rule];
    const { means, square } = this.#network.decays;
    const numbers = this.#kernel.memory.floats(this.#momentNumbers, MOMENT_NUMBERS.length);
    means.forEach((decay, k) => {
      numbers[MOMENT_NUMBERS.decays + k] = decay;
      numbers[MOMENT_NUMBERS.shares + k] = 1 - decay;
    });
    numbers[MOMENT_NUMBERS.squareDecay] = square;
    numbers[MOMENT_NUMBERS.squareShare] = 1 - square;
    numbers[MOMENT_NUMBERS.largest] = largestGradient;
  }

  stateLength(layout: CoordinateLayout): number {
    return layout.problems * problemStateLength(this.#config, layout);
  }

  walk(layout: CoordinateLayout, { step: start, horizon }: Clock, hidden?: Float32Array): HostWalk {
    const placed = this.#place(layout);
    if (hidden) placed.state.set(hidden);
    else placed.state.fill(0);
    let step = start;
    const length = coordinatesIn(layout);
    return {
      step: (gradient, theta) => {
        for (const tensor of placed.tensors) {
          const { first, rows, columns } = tensor;
          const end = first + rows * columns;
          tensor.gradient.set(length === end - first ? gradient : gradient.subarray(first, end));
          tensor.theta.set(length === end - first ? theta : theta.subarray(first, end));
          this.#step(tensor, { step, horizon });
        }
        for (const { first, updates } of placed.tensors) {
          for (let i = 0; i < updates.length; i++) theta[first + i] = theta[first + i]! + updates[i]!;
        }
        step += 1;
      },
      end: (after) => after.set(placed.state),
    };
  }

  zeroState(hidden: Float32Array, layout: CoordinateLayout, problem: number): void {
    const length = problemStateLength(this.#config, layout);
    hidden.fill(0, problem * length, (problem + 1) * length);
  }

  /** The arrays of a layout; the last one's are kept. */
  #place(layout: CoordinateLayout): Placement {
    const { problems, tensors } = layout;
    const last = this.#placement?.layout;
    if (!last || last.problems !== problems || last.tensors !== tensors) {
      const placed = place(this.#config, this.#kernel.memory, layout, (longest) => {
        this.#factors.allocate(longest);
        this.#network.allocate(longest);
      });
      this.#factors.begin();
      this.#placement = { layout, placed };
    }
    return this.#placement!.placed;
  }

  /** Writes the updates of one tensor; its state advances. */
  #step(tensor: PlacedTensor, clock: Clock): void {
    const config = this.#config;
    const { passes, memory } = this.#kernel;
    const numbers = RULE_NUMBERS[config.rule];
    const { args, isMatrix, rows, columns } = tensor;
    const count = rows * columns;
    passes.moments(...args, this.#momentNumbers, this.#sums);
    const moments = memory.floats(this.#sums, MOMENT_SUMS).slice();
    const gradientSize = Math.sqrt(moments[0]! / count + TINY);
    const thetaSize = Math.sqrt(moments[1]! / count + TINY);
    if (tensor.scale.length > 0 && clock.step === 0) {
      tensor.scale[0] = initialScale(thetaSize, isMatrix);
    }
    const rate = numbers.step * config.stepScale * scheduleAt(config, clock);
    if (config.rule === 'celo2' && !isMatrix) {
      adamVector(tensor, memory, clock, 20 * rate);
      return;
    }

    const corrections = MEAN_DECAYS.map((decay) => (numbers.invariant ? 1 / (1 - power(decay, clock.step + 1)) : 1));
    const squareCorrection = numbers.invariant ? 1 / (1 - power(numbers.squareDecay, clock.step + 1)) : 1;
    const meanSquare = (moments[5]! / count) * squareCorrection;
    const own = memory.floats(this.#featureNumbers, FEATURE_NUMBERS.length);
    corrections.forEach((factor, k) => {
      own[FEATURE_NUMBERS.meanFactors + k] = factor;
    });
    own[FEATURE_NUMBERS.rootFactor] = squareCorrection;
    own[FEATURE_NUMBERS.rootEpsilon] = numbers.invariant
      ? numbers.epsilon.root * meanSquare + TINY
      : numbers.epsilon.root;
    own[FEATURE_NUMBERS.squareFactor] = numbers.invariant ? squareCorrection / (meanSquare + TINY) : 1;
    own[FEATURE_NUMBERS.clip] = config.rule === 'celo2' ? CELO2_CLIP : gradientSize;
    own[FEATURE_NUMBERS.largest] = numbers.largestGradient;
    const factors = this.#factors.advance(tensor, this.#network.decays, clock);
    passes.featureSums(...args, factors.rows, factors.columns, this.#featureNumbers, this.#sums);
    const sums = memory.floats(this.#sums, COORDINATE_FEATURES.length).slice();

    const inverse = (index: number) => {
      const size = Math.sqrt(sums[index]! / count + numbers.epsilon.norm);
      return size > 0 ? 1 / size : 0;
    };
    const scalars = this.#scalarsOf(tensor, clock, { gradientSize, thetaSize, moments, corrections, count });
    own[FEATURE_NUMBERS.adam] = numbers.invariant ? inverse(ADAM) : 0;
    own[FEATURE_NUMBERS.slow] = 0;
    own[FEATURE_NUMBERS.step] = config.rule === 'celo2' ? -1 : numbers.invariant ? rate * tensor.scale[0]! : rate;
    own[FEATURE_NUMBERS.magnitudeFactor] = numbers.magnitude.factor;
    own[FEATURE_NUMBERS.magnitudeLow] = numbers.magnitude.low;
    own[FEATURE_NUMBERS.magnitudeHigh] = numbers.magnitude.high;
    if (config.rule === 'control') {
      const [direction, magnitude] = this.#network.evaluate(scalars) as [number, number];
      const { low, high } = numbers.magnitude;
      own[FEATURE_NUMBERS.step]! *= exp(Math.min(high, Math.max(low, magnitude)));
      own[FEATURE_NUMBERS.slow] = direction * inverse(SLOW);
    }
    const parts = this.#network.prepare(tensor, factors, {
      norms: Array.from(sums, (_, index) => inverse(index)),
      scalars,
    });
    passes.apply(
      ...args,
      factors.rows,
      factors.columns,
      parts.row,
      parts.column,
      this.#network.weights,
      this.#featureNumbers,
      tensor.updatesAt,
    );
    if (config.rule === 'celo2') turnedUpdates(tensor, config, rate);
  }

  #scalarsOf(
    { isMatrix, scale }: PlacedTensor,
    clock: Clock,
    sizes: {
      gradientSize: number;
      thetaSize: number;
      moments: Float32Array;
      corrections: readonly number[];
      count: number;
    },
  ): number[] {
    const { rule } = this.#config;
    if (rule === 'celo2') return [];
    if (rule === 'small-fc') return timeEmbedding(clock.step);
    const { gradientSize, thetaSize, moments, corrections, count } = sizes;
    const means = corrections.map((factor, k) => Math.sqrt((factor * factor * moments[2 + k]!) / count + TINY));
    return tensorScalars({ gradient: gradientSize, parameter: thetaSize, means, scale: scale[0]!, isMatrix }, clock);
  }
}
