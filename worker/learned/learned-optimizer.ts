/** φ as an optimizer of TensorFlow.js: what `import { LearnedOptimizer } from 'lopt'` gives, in Node and in browsers. */
import * as tf from '@tensorflow/tfjs-core';
import { fromBase64, toBase64 } from '../../shared/base64.js';
import { checkChoice, checkNumber } from '../../shared/check.js';
import { LoptError, messageOf, UsageError } from '../../shared/errors.js';
import type { LearnedPhi } from '../../shared/phi.js';
import { phiLength } from '../../shared/phi.js';
import { decodePhi, encodePhi } from '../../shared/phi-format.js';
import type { StepperOptions } from '../architectures/host-kernel.js';
import { elementsOf } from '../architectures/layout.js';
import { ruleOf } from '../architectures/registry.js';
import { KernelStepper } from './kernel-stepper.js';
import { readSource } from './phi-source.js';
import { savedColumns } from './saved-state.js';
import type { Stepper, VariableState } from './stepper.js';
import { TensorStepper } from './tensor-stepper.js';

const COMPUTES = ['auto', 'kernel', 'tensors'] as const;

/** What computes the steps: lopt's SIMD kernel, on host memory, or tensor operations, on the backend's device. */
export type Compute = (typeof COMPUTES)[number];

/** Options of LearnedOptimizer. */
export interface LearnedOptimizerOptions {
  /**
   * `auto` is the kernel if the backend keeps its data in host memory (cpu, wasm, tensorflow) and the machine has
   * WebAssembly SIMD, otherwise tensor operations (webgl, webgpu). @default 'auto'
   */
  compute?: Compute;
  /**
   * How many steps the training will take, for learned optimizers that read it: they make smaller steps towards the end.
   * @default nobody knows
   */
  steps?: number;
}

type NamedTensors = Parameters<tf.Optimizer['applyGradients']>[0];
type NamedTensor = Awaited<ReturnType<tf.Optimizer['getWeights']>>[number];

/** Backends whose `dataSync` costs no more than a copy. */
const HOST_BACKENDS: readonly string[] = ['cpu', 'wasm', 'tensorflow'];
const STATE_SUFFIX = '/state';

/**
 * A learned optimizer under one φ (Andrychowicz et al. 2016, arXiv 1606.04474): it adds g to every variable, where
 * (g, h) = m(∇, h, φ), for each coordinate or each tensor separately. It has no learning rate: φ holds all that was learned.
 * The hidden state h of a variable is kept under the variable's name and begins with its first gradient.
 */
export class LearnedOptimizer extends tf.Optimizer {
  static readonly className = 'LearnedOptimizer';
  readonly #learned: LearnedPhi;
  readonly #compute: Compute;
  readonly #horizon: number;
  #stepper: Stepper | undefined;
  /** By variable, in the order of their first gradients. */
  #states = new Map<string, VariableState>();
  /** The states were set from weights, and no gradient has been applied since. */
  #restored = false;
  /** What the last `getWeights` returned. */
  #weights: NamedTensor[] = [];
  #disposed = false;

  /**
   * Loads the .safetensors file that `lopt train` wrote: a path in Node, a URL anywhere. Throws FileError if it
   * cannot be read or holds no φ.
   */
  static async load(source: string | URL, options?: LearnedOptimizerOptions): Promise<LearnedOptimizer> {
    return new LearnedOptimizer(decodePhi(String(source), await readSource(source)), options);
  }

  /**
   * An optimizer from the bytes of a φ file, or from φ and its network. Throws FileError if the bytes are not a φ
   * file, UsageError if φ has the wrong length or an option is wrong.
   */
  constructor(phi: Uint8Array | LearnedPhi, { compute = 'auto', steps = 0 }: LearnedOptimizerOptions = {}) {
    super();
    const task = 'Cannot make a learned optimizer';
    this.#learned = phi instanceof Uint8Array ? decodePhi('the given bytes', phi) : phi;
    const length = phiLength(this.#learned.architecture);
    if (this.#learned.phi.length !== length) {
      throw new UsageError(`${task}: "phi" must hold ${length} numbers, got ${this.#learned.phi.length}`);
    }
    this.#compute = checkChoice(task, 'compute', compute, COMPUTES);
    this.#horizon = checkNumber(task, 'steps', steps, { integer: true, minimum: 0 });
  }

  /** Adds g to every variable that has a gradient; the state of one without (null) stays as it is. */
  applyGradients(gradients: NamedTensors): void {
    this.#requireUndisposed('apply gradients');
    // the backend may change until now
    this.#stepper ??= this.#createStepper();
    const stepper = this.#stepper;
    const entries: [string, tf.Tensor | null | undefined][] = Array.isArray(gradients)
      ? gradients.map(({ name, tensor }) => [name, tensor])
      : Object.entries(gradients);
    const given = entries.flatMap(([name, gradient]) =>
      gradient ? [{ variable: variableNamed(name), gradient }] : [],
    );
    this.#adoptStates(given.map(({ variable }) => variable));
    tf.tidy(() => {
      for (const { variable, gradient } of given) {
        let state = this.#states.get(variable.name);
        if (!state) {
          state = stepper.begin(variable.shape);
          this.#states.set(variable.name, state);
        }
        requireSize(variable.name, gradient.size, elementsOf(state.shape));
        variable.assign(state.step(gradient, variable));
      }
    });
    this.incrementIterations();
  }

  /**
   * The number of steps and the state of every variable, as it is now. The tensors belong to the optimizer and live
   * until its next `getWeights` or `dispose`.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    const iterations = await this.saveIterations();
    this.#disposeWeights();
    const states = [...this.#states].map(([name, state]) => ({ name: name + STATE_SUFFIX, tensor: state.read() }));
    this.#weights = [iterations, ...states];
    for (const { tensor } of this.#weights) tf.keep(tensor);
    return this.#weights;
  }

  /**
   * Continues from what `getWeights` returned, with the same bits. States are matched to variables by name, or by the
   * order of the next gradients if the variables have other names, as in a model that was saved and loaded again.
   * Throws LoptError for weights of another optimizer or network.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    this.#requireUndisposed('set weights');
    this.#requireOwnWeights(weights);
    // a new one, since a kernel never frees the memory of earlier states
    const stepper = this.#createStepper();
    const restored = new Map<string, VariableState>();
    for (const { name, tensor } of await this.extractIterations(weights)) {
      restored.set(name.slice(0, -STATE_SUFFIX.length), await stepper.restore(tensor as tf.Tensor2D));
    }
    this.#disposeStates();
    this.#stepper = stepper;
    this.#states = restored;
    this.#restored = restored.size > 0;
  }

  /** φ and the options, so that a model saved with its optimizer is complete. */
  getConfig(): tf.serialization.ConfigDict {
    const { architecture, phi } = this.#learned;
    const config = { phi: toBase64(encodePhi(architecture, phi)), compute: this.#compute };
    return this.#horizon === 0 ? config : { ...config, steps: this.#horizon };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    { phi, compute, steps }: tf.serialization.ConfigDict,
  ): T {
    return new cls(fromBase64(String(phi)), { compute, ...(steps !== undefined && { steps }) });
  }

  /** Frees φ and every state. The optimizer cannot be used afterwards. */
  override dispose(): void {
    this.#disposed = true;
    this.#disposeWeights();
    this.#disposeStates();
  }

  #createStepper(): Stepper {
    return createStepper(this.#learned, this.#compute, { horizon: this.#horizon });
  }

  #requireUndisposed(task: string): void {
    if (this.#disposed) throw new LoptError(`Cannot ${task}: the learned optimizer is disposed of`);
  }

  /** Assigns restored states to the variables of the first gradients. */
  #adoptStates(variables: readonly tf.Variable[]): void {
    if (!this.#restored || variables.length === 0) return;
    const states = [...this.#states];
    const known = variables.every(({ name, size }) => sizeOf(this.#states.get(name)) === size);
    if (!known) {
      const sizes = states.map(([, state]) => sizeOf(state));
      if (sizes.join() !== variables.map(({ size }) => size).join()) {
        const describe = (name: string, size: number) => `${name} (${size})`;
        throw new LoptError(
          'Cannot continue from the weights: the variables must be those of the weights, ' +
            `${states.map(([name, state]) => describe(name, sizeOf(state)!)).join(', ')}, ` +
            `got ${variables.map(({ name, size }) => describe(name, size)).join(', ')}`,
        );
      }
      this.#states = new Map(states.map(([, state], index) => [variables[index]!.name, state]));
    }
    this.#restored = false;
  }

  #requireOwnWeights(weights: readonly NamedTensor[]): void {
    const columns = savedColumns(this.#learned.architecture);
    const [iterations, ...states] = weights;
    const own = (name: string, { shape }: tf.Tensor) =>
      name.endsWith(STATE_SUFFIX) && shape.length === 2 && shape[1] === columns;
    if (iterations?.tensor.size === 1 && states.every(({ name, tensor }) => own(name, tensor))) return;
    const got = weights.map(({ name, tensor }) => `${name} [${tensor.shape.join(', ')}]`).join(', ');
    throw new LoptError(
      `Cannot set weights: they must be the number of steps and tensors NAME${STATE_SUFFIX} [n, ${columns}], got ${got || 'none'}`,
    );
  }

  /** Frees the states and φ. */
  #disposeStates(): void {
    for (const state of this.#states.values()) state.dispose();
    this.#states.clear();
    this.#stepper?.dispose();
    this.#stepper = undefined;
  }

  #disposeWeights(): void {
    tf.dispose(this.#weights.map(({ tensor }) => tensor));
    this.#weights = [];
  }
}

function createStepper(learned: LearnedPhi, compute: Compute, options: StepperOptions): Stepper {
  if (compute === 'tensors') return new TensorStepper(learned, options);
  if (compute === 'kernel') return kernelStepper(learned, options);
  if (!HOST_BACKENDS.includes(tf.getBackend())) return new TensorStepper(learned, options);
  try {
    return kernelStepper(learned, options);
  } catch (error) {
    console.warn(`lopt computes steps by tensor operations, which is several times slower. ${messageOf(error)}`);
    return new TensorStepper(learned, options);
  }
}

/** A stepper by the architecture's kernel. Throws LoptError if it has none, or it cannot be compiled here. */
function kernelStepper({ architecture, phi }: LearnedPhi, options: StepperOptions): Stepper {
  const { stepper } = ruleOf(architecture);
  if (!stepper) throw new LoptError(`Cannot compute by a kernel: architecture "${architecture.type}" has none`);
  return new KernelStepper(architecture, stepper(architecture, phi, options));
}

function sizeOf(state: VariableState | undefined): number | undefined {
  return state && elementsOf(state.shape);
}

function variableNamed(name: string): tf.Variable {
  const variable = tf.engine().registeredVariables[name];
  if (!variable) throw new LoptError(`Cannot apply gradients: there must be a variable named "${name}"`);
  return variable;
}

function requireSize(name: string, gradient: number, state: number): void {
  if (gradient === state) return;
  throw new LoptError(
    `Cannot apply gradients: the gradient of "${name}" must have as many elements as at its first step, ${state}, got ${gradient}`,
  );
}

tf.serialization.registerClass(LearnedOptimizer);
