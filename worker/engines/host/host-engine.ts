/** CPU engines: windows in one thread, by an architecture's kernel and the problems' gradients on typed arrays. */
import { LoptError } from '../../../shared/errors.js';
import type { HostKernel, HostWindow } from '../../architectures/host-kernel.js';
import type { CoordinateLayout } from '../../architectures/layout.js';
import { parametersOf } from '../../problems/parameter-tensors.js';
import type { Gradient, HessianProduct, Problems } from '../../problems/problem.js';
import type { BeginRequest, Engine, ShardState, WindowRequest, WindowResult } from '../engine.js';
import { type RolloutRequest, rollout } from '../rollout.js';
import { batchOf, beginShard, markBad, markWhere, zeroBad } from '../shard.js';

/** Options of a CPU engine. */
export interface HostEngineOptions {
  name: string;
  problems: Problems;
  kernel: HostKernel;
  /** The problems' gradient: in closed form, or differentiated from their tensor loss. */
  gradient: Gradient;
  /** The problems' H·v; if given, second derivatives are kept. @default they are dropped */
  hessian?: HessianProduct | undefined;
}

/** Computes windows in one thread; must not be shared between threads. */
export class HostEngine implements Engine {
  readonly name: string;
  readonly description: string;
  readonly #problems: Problems;
  readonly #tensors: CoordinateLayout['tensors'];
  readonly #gradient: Gradient;
  readonly #hessian: HessianProduct | undefined;
  #kernel: HostKernel | undefined;

  constructor({ name, problems, kernel, gradient, hessian }: HostEngineOptions) {
    this.name = name;
    this.description = kernel.description;
    this.#problems = problems;
    this.#tensors = parametersOf(problems).map(({ shape }) => shape);
    this.#gradient = gradient;
    this.#hessian = hessian;
    this.#kernel = kernel;
  }

  async begin(request: BeginRequest): Promise<ShardState> {
    const hiddenLength = this.#open().stateLength(this.#layoutOf(request.count));
    return beginShard(this.#problems, this.#gradient, request, hiddenLength);
  }

  async window(request: WindowRequest): Promise<WindowResult> {
    const kernel = this.#open();
    kernel.loadPhi(request.phi);
    const layout = this.#layoutOf(request.state.count);
    const result = request.forwardOnly
      ? this.#walkThrough(kernel, layout, request)
      : this.#thereAndBack(kernel, layout, request);
    const { hidden, healthy } = request.state;
    healthy.forEach((good, problem) => {
      if (good === 0) kernel.zeroState(hidden, layout, problem);
    });
    request.state.step += request.steps;
    return result;
  }

  /** A window that only advances the state. */
  #walkThrough(
    kernel: HostKernel,
    layout: CoordinateLayout,
    { phi, state, steps, horizon = 0, scorePart }: WindowRequest,
  ): WindowResult {
    const { theta, gradient, count } = state;
    const batch = batchOf(state);
    const losses = new Float64Array(steps * count);
    const scoring = scorePart && { ...batch, part: scorePart };
    const scores = new Float64Array(scoring ? losses.length : 0);
    const unread = new Float32Array(scoring ? gradient.length : 0);
    const walk = kernel.walk(layout, { step: state.step, horizon }, state.hidden);
    for (let s = 0; s < steps; s++) {
      walk.step(gradient, theta);
      const row = losses.subarray(s * count, (s + 1) * count);
      this.#gradient(theta, batch, state.step + s + 1, gradient, row);
      if (scoring) {
        const scored = scores.subarray(s * count, (s + 1) * count);
        this.#gradient(theta, scoring, state.step + s + 1, unread, scored);
        markWhere(state, scored, () => true);
      }
      this.#clearBad(state, row, gradient);
    }
    walk.end(state.hidden);
    return { state, metaGradient: new Float32Array(phi.length), losses, ...(scoring && { scores }) };
  }

  /** A window with its backward pass. */
  #thereAndBack(kernel: HostKernel, layout: CoordinateLayout, request: WindowRequest): WindowResult {
    const { state, steps, lossWeights, updateGradient, slopeLimit = 0 } = request;
    const coordinates = state.theta.length;
    const window = kernel.window?.({
      layout,
      steps,
      updateGradient: updateGradient !== undefined,
      secondDerivatives: this.#hessian !== undefined,
    });
    if (!window) throw new LoptError(`Cannot go backward through a window: engine ${this.name} only goes forward here`);
    window.gradients[0]!.set(state.gradient);
    if (lossWeights) window.lossWeights.set(lossWeights);
    else window.lossWeights.fill(1);
    window.updateGradient.forEach((row, s) => {
      row.set(updateGradient!.subarray(s * coordinates, (s + 1) * coordinates));
    });

    window.begin(state.hidden);
    const { losses, thetas } = this.#forward(window, state, steps);
    // with zero gradients a bad problem's dL/dg is zero, and so are its products with the finite recorded activations
    for (const row of [...window.gradients, ...window.updateGradient]) zeroBad(state, row);
    const metaGradient = this.#hessian
      ? window.backwardThroughProblems(this.#stepHessian(this.#hessian, state, thetas), slopeLimit)
      : window.backward();
    state.gradient.set(window.gradients[steps]!);
    window.end(state.hidden);
    return { state, metaGradient, losses };
  }

  async rollout(phi: Float32Array, request: RolloutRequest): Promise<Float64Array> {
    const kernel = this.#open();
    kernel.loadPhi(phi);
    const clock = { step: 0, horizon: request.horizon };
    const begin = () => kernel.walk(this.#layoutOf(request.count), clock).step;
    return rollout(begin, this.#problems, this.#gradient, request);
  }

  close(): void {
    this.#kernel = undefined;
  }

  #open(): HostKernel {
    if (this.#kernel) return this.#kernel;
    throw new LoptError(`Cannot compute on engine "${this.name}": it is closed`);
  }

  #layoutOf(count: number): CoordinateLayout {
    return { problems: count, tensors: this.#tensors };
  }

  /** Marks the problems that a step made bad, and zeroes θ and ∇ of all bad ones. */
  #clearBad(state: ShardState, losses: Float64Array, gradient: Float32Array): void {
    markBad(state, losses, gradient);
    zeroBad(state, state.theta);
    zeroBad(state, gradient);
  }

  /** Steps 1…K. Returns f_t(θ_t) of every problem, [K × P], and θ_1…θ_{K−1} if second derivatives are kept. */
  #forward(window: HostWindow, state: ShardState, steps: number): { losses: Float64Array; thetas: Float32Array[] } {
    const { theta, count } = state;
    const batch = batchOf(state);
    const stepLosses = new Float64Array(count);
    const losses = new Float64Array(steps * count);
    const thetas: Float32Array[] = [];
    for (let s = 0; s < steps; s++) {
      const updates = window.step(s, theta);
      for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! + updates[i]!;
      const row = window.gradients[s + 1]!;
      this.#gradient(theta, batch, state.step + s + 1, row, stepLosses);
      this.#clearBad(state, stepLosses, row);
      losses.set(stepLosses, s * count);
      if (this.#hessian && s + 1 < steps) thetas.push(theta.slice());
    }
    return { losses, thetas };
  }

  /** H_t·v at the θ_t of a window. */
  #stepHessian(hessian: HessianProduct, state: ShardState, thetas: readonly Float32Array[]) {
    const batch = batchOf(state);
    return (t: number, vector: Float32Array, product: Float32Array) => {
      hessian(thetas[t - 1]!, vector, batch, state.step + t, product);
      // the θ and H of a bad problem need not be finite
      zeroBad(state, product);
    };
  }
}
