/** The numbers of each rule, and what its tensors have in common: scalars of the step, computed once a tensor. */
import { type MlpConfig, type MlpRule, scheduleOf } from '../../../shared/architectures/mlp.js';
import { cosTurns, exp, log, tanh } from '../../../shared/elementary.js';
import type { Clock } from '../layout.js';

/** β of the running means of ∇, and of those of ∇² over rows and columns. */
export const MEAN_DECAYS = [0.9, 0.99, 0.999] as const;

/** What differs between the rules, but for their features. */
export interface RuleNumbers {
  /** β of the running mean of ∇². */
  readonly squareDecay: number;
  /** Gradients are clipped to ± this before anything else. */
  readonly largestGradient: number;
  /** Whether running means are divided by 1 − β^t, and every ε is relative to the tensor: scales then do not matter. */
  readonly invariant: boolean;
  /** ε of 1/√(v + ε), of 1/√(rows + ε), and of the normalisation of a feature. */
  readonly epsilon: { readonly root: number; readonly factor: number; readonly norm: number };
  /** The magnitude's factor, and its bounds. */
  readonly magnitude: { readonly factor: number; readonly low: number; readonly high: number };
  /** Factor on a step when `stepScale` is 1. */
  readonly step: number;
}

/** A relative ε: features of coordinates with hardly any gradient stay within 10⁴ of the others. */
const RELATIVE = 1e-8;

const FREE = { factor: 1, low: -7, high: 5 };
const INVARIANT = {
  squareDecay: 0.95,
  largestGradient: 3e38,
  invariant: true,
  epsilon: { root: RELATIVE, factor: RELATIVE, norm: 0 },
  magnitude: FREE,
  step: 0.1,
};

export const RULE_NUMBERS: Readonly<Record<MlpRule, RuleNumbers>> = {
  general: INVARIANT,
  control: INVARIANT,
  'small-fc': {
    squareDecay: 0.999,
    largestGradient: 3e38,
    invariant: false,
    epsilon: { root: 1e-6, factor: 1e-8, norm: 1e-5 },
    magnitude: { factor: 1e-3, low: -80, high: 80 },
    step: 1e-3,
  },
  celo2: {
    squareDecay: 0.95,
    largestGradient: 1000,
    invariant: false,
    epsilon: { root: 1e-8, factor: 1e-8, norm: 1e-9 },
    magnitude: { factor: 0, low: 0, high: 0 },
    step: 1e-3,
  },
};

/** What keeps quotients of zeros finite; far below any gradient. */
export const TINY = 1e-30;

/** A root mean square below this is that of zeros: √TINY is added to all, whose slope at 0 would otherwise be infinite. */
export const NO_SIZE = 1e-14;

/** The clipped gradient of `celo2` is within ± this; that of the others within ± their root mean square. */
export const CELO2_CLIP = 0.1;

/** How many times the rate of matrices Adam's is that `celo2` takes for vectors. */
export const CELO2_VECTOR_RATE = 20;

/** Vectors have no scale of their own when they start from zeros, as biases do. */
export const LEAST_VECTOR_SCALE = 0.1;

/** The scale of a tensor's steps, from the root mean square of its θ_0. */
export function initialScale(size: number, isMatrix: boolean): number {
  if (!isMatrix) return Math.max(size, LEAST_VECTOR_SCALE);
  return size > NO_SIZE ? size : LEAST_VECTOR_SCALE;
}

/** Times of the embedding of t that `small-fc` reads. */
export const TIMESCALES = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000] as const;

/** tanh(t/τ − 1) for eleven τ (Metz et al. 2022). */
export function timeEmbedding(t: number): number[] {
  return TIMESCALES.map((scale) => tanh(t / scale - 1));
}

/** Root mean squares of a tensor, √(mean + TINY). */
export interface TensorSizes {
  readonly gradient: number;
  readonly parameter: number;
  /** Of the running means, their bias corrected. */
  readonly means: readonly number[];
  /** The scale of the tensor's steps. */
  readonly scale: number;
  readonly isMatrix: boolean;
}

/**
 * The numbers of time that `general` and `control` read: t/T, its square, e^(−10·t/T), ln T and whether T is known (all 0 if
 * it is not), and ln t.
 */
export function timeScalars({ step: t, horizon }: Clock): number[] {
  const known = horizon > 0;
  const passed = known ? t / horizon : 0;
  return [
    passed,
    passed * passed,
    known ? exp(-10 * passed) : 0,
    known ? 0.3 * log(horizon) - 1.5 : 0,
    known ? 1 : 0,
    0.2 * log(1 + t) - 1,
  ];
}

/** How much larger a running mean is than it would be of noise: ½·ln(rms(m̂)/rms(∇)). */
export function noiseScalar(mean: number, gradient: number): number {
  return 0.5 * log(mean / gradient + 1e-6);
}

/** How much a tensor has grown: ½·ln(rms(θ)/scale). */
export function growthScalar(parameter: number, scale: number): number {
  return 0.5 * log(Math.max(parameter / scale, 1e-3));
}

/**
 * The numbers of a tensor and of time that `general` and `control` read: the noise of each running mean, the time, whether
 * the tensor is a matrix, and how much it has grown.
 */
export function tensorScalars({ gradient, parameter, means, scale, isMatrix }: TensorSizes, clock: Clock): number[] {
  return [
    ...means.map((mean) => noiseScalar(mean, gradient)),
    ...timeScalars(clock),
    isMatrix ? 1 : 0,
    growthScalar(parameter, scale),
  ];
}

/** What all steps are multiplied by at t: ½(1 + cos(π·t/T)) if the schedule is cosine and T is known, otherwise 1. */
export function scheduleAt(config: MlpConfig, { step, horizon }: Clock): number {
  if (scheduleOf(config) === 'constant' || horizon === 0) return 1;
  return 0.5 * (1 + cosTurns(Math.min(1, step / horizon) / 2));
}

/** β after a learned change δ: 1 − (1 − β)·e^(10·δ), from 0 to 1 (Metz et al. 2022). */
export function changedDecay(decay: number, change: number): number {
  return Math.min(1, Math.max(0, 1 - (1 - decay) * exp(10 * change)));
}

/** β^n by repeated squaring: the same bits everywhere. */
export function power(base: number, exponent: number): number {
  let [result, factor] = [1, base];
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}
