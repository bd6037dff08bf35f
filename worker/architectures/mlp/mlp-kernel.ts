/** The perceptron's steps by a kernel's passes: what they share over a tensor is computed here, in double precision. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { COORDINATE_FEATURES, SCALARS } from '../../../shared/architectures/mlp-features.js';
import { exp } from '../../../shared/elementary.js';
import type { HostKernel, HostKernelOptions, HostWalk } from '../host-kernel.js';
import { type Clock, type CoordinateLayout, coordinatesIn } from '../layout.js';
import { adamVector, turnedUpdates } from './celo2-steps.js';
import { FactorMemory, inverseSize, type TensorFactors } from './factors.js';
import { kernelUnits, Network } from './network.js';
import {
  CELO2_CLIP,
  CELO2_VECTOR_RATE,
  growthScalar,
  initialScale,
  MEAN_DECAYS,
  noiseScalar,
  power,
  RULE_NUMBERS,
  scheduleAt,
  TINY,
  timeEmbedding,
  timeScalars,
} from './numbers.js';
import { FEATURE_NUMBERS, MOMENT_NUMBERS, type TensorKernel } from './passes.js';
import { type PlacedTensor, place, problemStateLength } from './placement.js';

/** Another number whenever the passes or this file compute other bits. */
const ARITHMETIC = 1;

const ADAM = COORDINATE_FEATURES.indexOf('mean 1 / root');
const SLOW = COORDINATE_FEATURES.indexOf('mean 2');

/** A tensor, and what its steps write. */
interface Stepped extends PlacedTensor {
  readonly factors: TensorFactors;
}

/** A layout's tensors in the kernel's memory. */
interface Laid {
  readonly layout: CoordinateLayout;
  readonly state: Float32Array;
  readonly tensors: readonly Stepped[];
}

/** What all tensors of a step have in common. */
interface StepTime {
  readonly clock: Clock;
  /** What running means are multiplied by to correct their bias, and the mean square. */
  readonly corrections: readonly number[];
  readonly squareCorrection: number;
  /** The rule's factor on steps at this time. */
  readonly rate: number;
  /** The inputs of time. */
  readonly scalars: readonly number[];
}

/** Computes in one thread; only goes forward. */
export class MlpKernel implements HostKernel {
  readonly description: string;
  readonly #config: MlpConfig;
  readonly #kernel: TensorKernel;
  readonly #network: Network;
  readonly #factors: FactorMemory;
  /** Scratch: the numbers of the passes, and their sums. */
  readonly #momentNumbers: number;
  readonly #featureNumbers: number;
  readonly #sums: number;
  /** Views of the numbers that steps write, and of the sums that they read. */
  #written: Float32Array = new Float32Array(0);
  #summed: Float32Array = new Float32Array(0);
  readonly #norms = new Float64Array(COORDINATE_FEATURES.length);
  readonly #scalars: Float64Array;
  #placement: Laid | undefined;

  /** @param create the passes for layers of so many units each, padded */
  constructor(
    create: (units: readonly number[], strict: boolean) => TensorKernel,
    config: MlpConfig,
    { strict }: HostKernelOptions,
  ) {
    this.#config = config;
    this.#kernel = create(kernelUnits(config), strict);
    const { memory } = this.#kernel;
    this.#momentNumbers = memory.allocate(4 * MOMENT_NUMBERS.length);
    this.#featureNumbers = memory.allocate(4 * FEATURE_NUMBERS.length);
    this.#sums = memory.allocate(4 * COORDINATE_FEATURES.length);
    this.#network = new Network(config, this.#kernel);
    memory.hold();
    this.#scalars = new Float64Array(SCALARS[config.rule]);
    this.#factors = new FactorMemory(config, this.#kernel);
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
        const time = this.#timeAt({ step, horizon });
        for (const tensor of placed.tensors) {
          const { first, rows, columns } = tensor;
          const end = first + rows * columns;
          tensor.gradient.set(length === end - first ? gradient : gradient.subarray(first, end));
          tensor.theta.set(length === end - first ? theta : theta.subarray(first, end));
          this.#step(tensor, time);
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
  #place(layout: CoordinateLayout): Laid {
    const { problems, tensors } = layout;
    const last = this.#placement;
    if (last && last.layout.problems === problems && last.layout.tensors === tensors) return last;
    const { memory } = this.#kernel;
    const { state, tensors: placed } = place(this.#config, memory, layout, (longest) => {
      this.#factors.allocate(longest);
      this.#network.allocate(longest);
    });
    this.#factors.begin();
    this.#network.begin();
    this.#written = memory.floats(this.#featureNumbers, FEATURE_NUMBERS.length);
    this.#summed = memory.floats(this.#sums, COORDINATE_FEATURES.length);
    this.#placement = {
      layout,
      state,
      tensors: placed.map((tensor) => ({ ...tensor, factors: this.#factors.of(tensor) })),
    };
    return this.#placement;
  }

  #timeAt(clock: Clock): StepTime {
    const config = this.#config;
    const { invariant, squareDecay, step } = RULE_NUMBERS[config.rule];
    const count = clock.step + 1;
    return {
      clock,
      corrections: MEAN_DECAYS.map((decay) => (invariant ? 1 / (1 - power(decay, count)) : 1)),
      squareCorrection: invariant ? 1 / (1 - power(squareDecay, count)) : 1,
      rate: step * config.stepScale * scheduleAt(config, clock),
      scalars: config.rule === 'celo2' ? [] : invariant ? timeScalars(clock) : timeEmbedding(clock.step),
    };
  }

  /** Writes the updates of one tensor; its state advances. */
  #step(tensor: Stepped, time: StepTime): void {
    const config = this.#config;
    const { passes, memory } = this.#kernel;
    const { invariant, epsilon, largestGradient, magnitude } = RULE_NUMBERS[config.rule];
    const { args, isMatrix, rows, columns, factors } = tensor;
    const [gradient, theta, means, stride] = args;
    const { corrections, squareCorrection, rate } = time;
    const [own, sums, norms] = [this.#written, this.#summed, this.#norms];
    const count = rows * columns;
    passes.moments(gradient, theta, means, stride, rows, columns, this.#momentNumbers, this.#sums);
    const gradientSize = Math.sqrt(sums[0]! / count + TINY);
    const thetaSize = Math.sqrt(sums[1]! / count + TINY);
    if (tensor.scale.length > 0 && time.clock.step === 0) tensor.scale[0] = initialScale(thetaSize, isMatrix);
    if (config.rule === 'celo2' && !isMatrix) {
      adamVector(tensor, memory, time.clock, CELO2_VECTOR_RATE * rate);
      return;
    }
    const scalars = this.#scalarsOf(tensor, time, gradientSize, thetaSize);
    const meanSquare = (sums[5]! / count) * squareCorrection;
    for (let k = 0; k < corrections.length; k++) own[FEATURE_NUMBERS.meanFactors + k] = corrections[k]!;
    own[FEATURE_NUMBERS.rootFactor] = squareCorrection;
    own[FEATURE_NUMBERS.rootEpsilon] = invariant ? epsilon.root * meanSquare + TINY : epsilon.root;
    own[FEATURE_NUMBERS.squareFactor] = invariant ? squareCorrection / (meanSquare + TINY) : 1;
    own[FEATURE_NUMBERS.clip] = config.rule === 'celo2' ? CELO2_CLIP : gradientSize;
    own[FEATURE_NUMBERS.largest] = largestGradient;
    factors.advance(this.#network.decays, corrections);
    passes.featureSums(
      gradient,
      theta,
      means,
      stride,
      rows,
      columns,
      factors.rows,
      factors.columns,
      this.#featureNumbers,
      this.#sums,
    );
    for (let f = 0; f < norms.length; f++) norms[f] = inverseSize(sums[f]! / count, epsilon.norm);
    own[FEATURE_NUMBERS.adam] = invariant ? norms[ADAM]! : 0;
    own[FEATURE_NUMBERS.slow] = 0;
    // the sign of directions that become a step later is theirs
    own[FEATURE_NUMBERS.step] = config.rule === 'celo2' ? -1 : invariant ? rate * tensor.scale[0]! : rate;
    own[FEATURE_NUMBERS.magnitudeFactor] = magnitude.factor;
    own[FEATURE_NUMBERS.magnitudeLow] = magnitude.low;
    own[FEATURE_NUMBERS.magnitudeHigh] = magnitude.high;
    if (config.rule === 'control') {
      const [direction, size] = this.#network.evaluate(scalars) as [number, number];
      own[FEATURE_NUMBERS.step]! *= exp(Math.min(magnitude.high, Math.max(magnitude.low, size)));
      own[FEATURE_NUMBERS.slow] = direction * norms[SLOW]!;
    }
    const parts = this.#network.prepare(tensor, factors, norms, scalars);
    passes.apply(
      gradient,
      theta,
      means,
      stride,
      rows,
      columns,
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

  /** The inputs that all coordinates of a tensor share, from the sums of `moments`. */
  #scalarsOf(
    tensor: Stepped,
    { scalars: ofTime, corrections }: StepTime,
    gradient: number,
    theta: number,
  ): Float64Array {
    const scalars = this.#scalars;
    if (!RULE_NUMBERS[this.#config.rule].invariant) {
      scalars.set(ofTime);
      return scalars;
    }
    const { isMatrix, scale, rows, columns } = tensor;
    for (let k = 0; k < corrections.length; k++) {
      const square = (corrections[k]! * corrections[k]! * this.#summed[2 + k]!) / (rows * columns);
      scalars[k] = noiseScalar(Math.sqrt(square + TINY), gradient);
    }
    scalars.set(ofTime, corrections.length);
    scalars[corrections.length + ofTime.length] = isMatrix ? 1 : 0;
    scalars[corrections.length + ofTime.length + 1] = growthScalar(theta, scale[0]!);
    return scalars;
  }
}
