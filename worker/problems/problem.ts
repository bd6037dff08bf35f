/** The interface of a problem family, which users implement for their own problems. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Key } from '../../shared/random.js';

/** TensorFlow.js, handed to `loss` so that a family never loads it by itself. */
export type Tf = typeof tfjs;

/** Which data a problem reads: training, held out from training for evaluation, or the test set. */
export type Split = 'train' | 'held-out' | 'test';

/**
 * A part of the training split, for a meta-loss on other data than the inner gradients are taken on. Families without
 * data ignore it.
 */
export type TrainingPart = 'inner' | 'outer';

/** P problems drawn together. `data` is up to the family: whatever its losses need besides the parameters. */
export interface Draw {
  /** θ_0, [P × coordinates], row by row. */
  theta: Float32Array;
  /** Any length, possibly 0; travels with the problems' state. */
  data: Float32Array;
}

/** The problems to compute losses or gradients of. */
export interface Batch {
  /** P, how many problems. */
  count: number;
  /** What `draw` returned. */
  data: Float32Array;
  /** The episode's key: minibatch t is drawn from `foldIn(key, …)`, so that it is a function of (key, t) alone. */
  key: Key;
  split: Split;
  /** Which part of the training split the losses read. @default all of it */
  part?: TrainingPart | undefined;
  /** `data` [P × numbers per problem] if an engine keeps it on its device; read it by `dataTensor`. */
  tensor?: tfjs.Tensor2D;
}

/**
 * The closed-form gradient of a family, on typed arrays: writes f_t(θ_p) of every problem p to `losses` [P] and
 * ∇f_t(θ_p) to `gradient` [P × coordinates]. Problems are independent: the values of one, NaN included, never change
 * another's. Deterministic to the bit: uses shared/elementary.ts in place of Math.exp, Math.log and the like.
 */
export type Gradient = (
  theta: Float32Array,
  batch: Batch,
  step: number,
  gradient: Float32Array,
  losses: Float64Array,
) => void;

/**
 * The closed form of the Hessian times a vector: writes ∇²f_t(θ_p)·v_p of every problem p to `product`
 * [P × coordinates], for θ and v [P × coordinates]. Deterministic, and independent between problems, like the gradient.
 */
export type HessianProduct = (
  theta: Float32Array,
  vector: Float32Array,
  batch: Batch,
  step: number,
  product: Float32Array,
) => void;

/** One tensor of θ. */
export interface ParameterTensor {
  /** Unique among the tensors of these problems, such as `layer_1/weights`. */
  readonly name: string;
  /** One dimension or more; a scalar is [1]. */
  readonly shape: readonly number[];
}

/** Several problem distributions; every episode draws from one of them. */
export interface Mixture {
  /** None of them is a mixture. They take little memory before anything is made of them. */
  readonly components: readonly Problems[];
  /** The index of the component that an episode draws from: a function of its key alone. */
  readonly pick: (key: Key) => number;
  /** The indices of components that together stand for the mixture in a fingerprint; at least one. */
  readonly probes: readonly number[];
}

/** In what unit losses enter the meta-loss: over f(θ_0), or its logarithm. */
export type LossNormalisation = 'initial' | 'log';

/** What closed forms are computed by; the bits are the same. Families that have no native one ignore it. */
export type ClosedForms = 'wasm' | 'native';

/** A family with its options fixed. */
export interface Problems {
  /** Parameters of one problem, d; for a mixture, the largest d of its components. */
  readonly coordinates: number;
  /**
   * The tensors that θ is made of, in order, each row by row; their sizes add up to `coordinates`. A mixture has none,
   * since its components differ. Read it by `parametersOf`.
   * @default one vector `theta` of all coordinates
   */
  readonly parameters?: readonly ParameterTensor[];
  /** Draws P problems from a key; row p is a function of (key, p) alone. */
  draw(key: Key, count: number, split: Split): Draw;
  /** f_t of every problem: θ is [P, d]; returns [P]. The gradient of its sum holds every problem's own gradient. */
  loss(tf: Tf, theta: tfjs.Tensor2D, batch: Batch, step: number): tfjs.Tensor1D;
  /**
   * Whether f is the same function at every step: `loss` reads neither `step` nor the key, and the data only through
   * `dataTensor`. An engine may then record its operations once and replay them. @default false
   */
  readonly stationary?: boolean;
  /**
   * In what unit losses enter the meta-loss; gradients and evaluations keep the problem's own.
   * @default as they are
   */
  readonly lossNormalisation?: LossNormalisation;
  /** Makes the closed-form gradient with its scratch memory; one per thread. */
  createGradient?(forms?: ClosedForms): Gradient;
  /** Makes the closed-form Hessian-vector product with its scratch memory; one per thread. */
  createHessian?(forms?: ClosedForms): HessianProduct;
  /** Hashes of the files behind the problems, by name: part of the configuration digest. */
  readonly dataHashes?: Readonly<Record<string, string>>;
  /** The components, if this is a mixture: everything above then uses the component that the key picks. */
  readonly mixture?: Mixture;
}

/**
 * An option that may have several values if it says so: then the value is text such as 16|32, and the family draws one
 * for every episode (drawn.ts). Not for families from modules.
 */
export type DrawnOptionSpec = { alternatives?: boolean; describe: string } & (
  | { type: 'integer'; default: number; minimum?: number }
  | { type: 'integers'; default: readonly number[]; minimum?: number }
  | { type: 'choice'; default: string; choices: readonly string[] }
);

/** One option of a family, as the command line shows and checks it. */
export type OptionSpec =
  | { type: 'number'; default: number; minimum?: number; maximum?: number; describe: string }
  | DrawnOptionSpec
  /** Where data lie. Not part of the configuration digest, which has the hashes of the data instead. No default. */
  | { type: 'folder'; describe: string }
  /** Names with weights, as text such as quadratic=2,rastrigin=1, sorted by name. */
  | { type: 'weights'; default: string; describe: string };

/** The values of a family's options, by name (kebab-case). */
export type OptionValues = Readonly<Record<string, number | string | readonly number[]>>;

/** The numbers that a family advises: those of the options in shared/options/ that name an `advice`. */
export interface TrainingNumbers {
  problems?: number;
  shards?: number;
  unroll?: number;
  horizon?: number;
  learningRate?: number;
  outputScale?: number;
  evaluateEvery?: number;
  evaluateFunctions?: number;
}

/** What a family advises as defaults of `lopt train`. */
export interface TrainingDefaults extends TrainingNumbers {
  /** Keep second derivatives, unless the network reads RNNProp's inputs. */
  secondDerivatives?: boolean;
  /** What to use instead if they are dropped all the same. */
  firstOrder?: TrainingNumbers;
}

/** A distribution over optimizees. */
export interface ProblemFamily {
  readonly name: string;
  /** One line for `lopt problems`. */
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly training: TrainingDefaults;
  /** The family for the given options, if its options or training defaults depend on them. */
  forOptions?(given: Readonly<Record<string, unknown>>): ProblemFamily;
  /** Fixes the options (already checked against `options`) and loads the data that the problems need. */
  configure(options: OptionValues): Promise<Problems>;
  /**
   * The tensors of θ that `configure` would give with options of one value each, for families whose `configure` loads
   * large files.
   * @default those of `configure`
   */
  parametersFor?(options: OptionValues): Promise<readonly ParameterTensor[]>;
}
