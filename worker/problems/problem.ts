/** What a problem family is: the interface that users implement for their own. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Key } from '../../shared/random.js';

/** TensorFlow.js, handed to `loss` so that a family never loads it by itself. */
export type Tf = typeof tfjs;

/** Which data a problem reads: training, held out from training for evaluation, or the test set. */
export type Split = 'train' | 'held-out' | 'test';

/** P problems drawn together. `data` is the family's own: whatever its losses need beside the parameters. */
export interface Draw {
  /** θ_0, [P × coordinates], row by row. */
  theta: Float32Array;
  /** Any length, possibly 0; travels with the problems' state. */
  data: Float32Array;
}

/** The problems that a loss is asked for. */
export interface Batch {
  /** P, how many problems. */
  count: number;
  /** What `draw` returned. */
  data: Float32Array;
  /** The episode's key: minibatch t is drawn from `foldIn(key, …)`, so that it is a function of (key, t) alone. */
  key: Key;
  split: Split;
  /** `data` [P × numbers of a problem] where an engine holds it on its device: `dataTensor` finds it. */
  tensor?: tfjs.Tensor2D;
}

/**
 * The closed-form gradient of a family, on typed arrays: writes f_t(θ_p) of every problem p to `losses` [P] and
 * ∇f_t(θ_p) to `gradient` [P × coordinates]. Problems are independent: what one of them holds, NaN included, never
 * changes another's numbers. Deterministic to the bit: Math.exp, Math.log and their kin are replaced by shared/elementary.ts.
 */
export type Gradient = (
  theta: Float32Array,
  batch: Batch,
  step: number,
  gradient: Float32Array,
  losses: Float64Array,
) => void;

/**
 * The closed form of the Hessian times a vector: writes ∇²f_t(θ_p)·v_p of every problem p to `product` [P × coordinates], for θ
 * and v [P × coordinates]. As deterministic, and as separate from problem to problem, as the gradient.
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
  /** Of no other tensor of these problems, as in `layer_1/weights`. */
  readonly name: string;
  /** One dimension or more; a single number is [1]. */
  readonly shape: readonly number[];
}

/** Several distributions of problems, of which every episode draws one. */
export interface Mixture {
  readonly components: readonly Problems[];
  /** The index of the component that an episode draws from: a function of its key alone. */
  readonly pick: (key: Key) => number;
}

/** A family with its options fixed. */
export interface Problems {
  /** Parameters of one problem, d; of a mixture, the most that a component has. */
  readonly coordinates: number;
  /**
   * The tensors that θ is made of, in the order of its row, each of them row by row: their sizes add up to `coordinates`.
   * A mixture has none of its own, since those of its components differ. Read it by `parametersOf`.
   * @default one vector `theta` of all coordinates
   */
  readonly parameters?: readonly ParameterTensor[];
  /** Draws P problems from a key; row p is a function of (key, p) alone. */
  draw(key: Key, count: number, split: Split): Draw;
  /** f_t of every problem: θ is [P, d]; returns [P]. The gradient of its sum holds every problem's own gradient. */
  loss(tf: Tf, theta: tfjs.Tensor2D, batch: Batch, step: number): tfjs.Tensor1D;
  /**
   * Whether f is the same function at every step: `loss` reads neither `step` nor the key, and the data through
   * `dataTensor` alone. An engine may then take down its operations once, and repeat them. @default false
   */
  readonly stationary?: boolean;
  /** Makes the closed-form gradient with its scratch memory; one a thread. */
  createGradient?(): Gradient;
  /** Makes the closed-form Hessian-vector product with its scratch memory; one a thread. */
  createHessian?(): HessianProduct;
  /** Hashes of the files behind the problems, by name: part of the configuration digest. */
  readonly dataHashes?: Readonly<Record<string, string>>;
  /** Of a mixture: its components. What is above then does what the component of the key does. */
  readonly mixture?: Mixture;
}

/** One option of a family, as the command line shows and checks it. */
export type OptionSpec =
  | { type: 'number'; default: number; minimum?: number; describe: string }
  | { type: 'integer'; default: number; minimum?: number; describe: string }
  | { type: 'integers'; default: readonly number[]; minimum?: number; describe: string }
  | { type: 'choice'; default: string; choices: readonly string[]; describe: string }
  /** Where data lie: no part of the configuration digest, which holds the hashes of the data. No value by default. */
  | { type: 'folder'; describe: string }
  /** Names with weights, as text such as quadratic=2,rastrigin=1 in the order of the names. */
  | { type: 'weights'; default: string; describe: string };

/** The values of a family's options, by name (kebab-case). */
export type OptionValues = Readonly<Record<string, number | string | readonly number[]>>;

/** The numbers that a family advises. */
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

/** What a family advises `lopt train` to use where the user says nothing. */
export interface TrainingDefaults extends TrainingNumbers {
  /** Keep second derivatives, where the network has none of RNNProp's inputs. */
  secondDerivatives?: boolean;
  /** What is better where they are dropped all the same. */
  firstOrder?: TrainingNumbers;
}

/** A distribution over optimizees. */
export interface ProblemFamily {
  readonly name: string;
  /** One line for `lopt problems`. */
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly training: TrainingDefaults;
  /** Where options and training defaults depend on the options given: the family as these make it. */
  forOptions?(given: Readonly<Record<string, unknown>>): ProblemFamily;
  /** Fixes the options (already checked against `options`) and loads what data the problems need. */
  configure(options: OptionValues): Promise<Problems>;
  /**
   * The tensors of θ that `configure` would give, for families that load large files there and need little of them here.
   * @default those of `configure`
   */
  parametersFor?(options: OptionValues): Promise<readonly ParameterTensor[]>;
}
