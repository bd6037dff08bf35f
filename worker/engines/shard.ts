/** A shard's state, the same for every engine, and the health of its problems. */
import type { Key } from '../../shared/random.js';
import type { Batch, Draw, Gradient, Problems, Split } from '../problems/problem.js';
import type { BeginRequest, ShardState } from './engine.js';
import { normaliseLosses } from './loss-normalisation.js';

/** A problem whose loss exceeds this many times max(1, f(θ_0)) is bad. */
export const BLOW_UP = 1e6;

/** Which problems a shard is of. */
type DrawRequest = Pick<BeginRequest, 'key' | 'count' | 'split' | 'part'>;

/** Makes the state of a shard at the start of an episode: fresh problems, f_0 and ∇_0 at θ_0, zero hidden state. */
export function beginShard(
  problems: Problems,
  gradient: Gradient,
  request: DrawRequest,
  hiddenLength: number,
): ShardState {
  const state = drawShard(problems, request, hiddenLength);
  gradient(state.theta, batchOf(state), 0, state.gradient, state.initialLosses);
  if (markBad(state, state.initialLosses, state.gradient)) {
    zeroBad(state, state.theta);
    zeroBad(state, state.gradient);
  }
  return state;
}

/** The state of a shard of fresh problems, without f_0 and ∇_0. */
export function drawShard(problems: Problems, request: DrawRequest, hiddenLength: number): ShardState {
  const { key, count, split, part } = request;
  const state = allocateState(key, split, count, problems.draw(key, count, split), hiddenLength);
  const { lossNormalisation } = problems;
  return { ...state, ...(part && { part }), ...(lossNormalisation && { lossNormalisation }) };
}

/** A shard's arrays, as views of one shared buffer, so that any thread can continue without copying them. */
function allocateState(key: Key, split: Split, count: number, draw: Draw, hiddenLength: number): ShardState {
  const n = draw.theta.length;
  const floats = 2 * n + hiddenLength + draw.data.length;
  const buffer = new SharedArrayBuffer(8 * count + 4 * floats + count);
  let at = 8 * count;
  function floatsOf(length: number): Float32Array {
    const view = new Float32Array(buffer, at, length);
    at += 4 * length;
    return view;
  }
  const state: ShardState = {
    step: 0,
    key,
    split,
    count,
    initialLosses: new Float64Array(buffer, 0, count),
    theta: floatsOf(n),
    gradient: floatsOf(n),
    hidden: floatsOf(hiddenLength),
    data: floatsOf(draw.data.length),
    healthy: new Uint8Array(buffer, 8 * count + 4 * floats, count).fill(1),
  };
  state.theta.set(draw.theta);
  state.data.set(draw.data);
  return state;
}

/** The problems of a shard, as a loss takes them. */
export function batchOf(state: ShardState): Batch {
  return { count: state.count, data: state.data, key: state.key, split: state.split, part: state.part };
}

/**
 * Marks the healthy problems that this step made bad: loss or gradient not finite, or loss above
 * `BLOW_UP`·max(1, f(θ_0)). Returns whether there were any.
 */
export function markBad(state: ShardState, losses: Float64Array, gradient: Float32Array): boolean {
  const coordinates = gradient.length / state.count;
  return markWhere(state, losses, (p) => {
    // 0·x is 0 for finite x and NaN otherwise, so one comparison checks all coordinates
    let zero = 0;
    for (let i = p * coordinates; i < (p + 1) * coordinates; i++) zero += 0 * gradient[i]!;
    return zero === 0;
  });
}

/** The same for the losses of several steps [steps × P], given whether a problem's gradients are finite. */
export function markWhere(
  { count, healthy, initialLosses }: ShardState,
  losses: Float32Array | Float64Array,
  finiteGradients: (problem: number) => boolean,
): boolean {
  let any = false;
  for (let p = 0; p < count; p++) {
    if (healthy[p] === 0) continue;
    const limit = BLOW_UP * Math.max(1, initialLosses[p]!);
    let good = finiteGradients(p);
    for (let at = p; good && at < losses.length; at += count) {
      good = Number.isFinite(losses[at]!) && losses[at]! <= limit;
    }
    if (good) continue;
    healthy[p] = 0;
    any = true;
  }
  return any;
}

/** Zeroes the entries of bad problems in a row [N]. */
export function zeroBad(state: ShardState, row: Float32Array): void {
  const coordinates = row.length / state.count;
  for (let p = 0; p < state.count; p++) {
    if (state.healthy[p] === 0) row.fill(0, p * coordinates, (p + 1) * coordinates);
  }
}

/** Sums of a window over the problems that are healthy at its end. */
export interface WindowSums {
  /** L = Σ_p Σ_t w_t f_t(θ_t). */
  loss: number;
  /** Σ_p f_K(θ_K). */
  finalLoss: number;
  /** How many problems are healthy. */
  healthy: number;
}

/**
 * Sums a window's losses [K × P], in the unit in which they enter the meta-loss, over the problems that are healthy at
 * its end; all w_t are 1 by default.
 */
export function sumLosses(
  { count, healthy, initialLosses, lossNormalisation }: ShardState,
  ownLosses: Float64Array,
  lossWeights?: Float32Array,
): WindowSums {
  const losses = lossNormalisation ? normaliseLosses(ownLosses, initialLosses, lossNormalisation) : ownLosses;
  const steps = losses.length / count;
  let loss = 0;
  let finalLoss = 0;
  let good = 0;
  for (let p = 0; p < count; p++) {
    if (healthy[p] === 0) continue;
    good += 1;
    for (let s = 0; s < steps; s++) loss += (lossWeights?.[s] ?? 1) * losses[s * count + p]!;
    finalLoss += losses[(steps - 1) * count + p]!;
  }
  return { loss, finalLoss, healthy: good };
}
