/** The LSTM's small shaders, which sum partial dφ's, flag problems that are not finite, and zero bad ones. */
import { inputSize } from '../../../../shared/architectures/lstm.js';
import type { LstmPlan } from './plan.js';

/** Threads of a workgroup of these shaders. */
export const SMALL_WORKGROUP = 64;

/** Rows that the partial dφ's are first summed to. */
export const SUM_ROWS = 64;

/**
 * sums[i] = Σ_r terms[r][entry(i)] over a workgroup's run of rows, from the first to the last. Used twice: over runs of
 * the partial sums' rows for every entry, then over those results for the entries of φ in order.
 */
export const SUM_SHADER = `
struct Sum { rows: u32, run: u32, length: u32, count: u32 }
@group(0) @binding(0) var<storage, read> terms: array<f32>;
@group(0) @binding(1) var<storage, read> entries: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<uniform> parameters: Sum;
@compute @workgroup_size(${SMALL_WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= parameters.count) { return; }
  let entry = entries[id.x];
  let end = min((id.y + 1u) * parameters.run, parameters.rows);
  var sum = 0.0;
  for (var r = id.y * parameters.run; r < end; r++) { sum += terms[r * parameters.length + entry]; }
  sums[id.y * parameters.count + id.x] = sum;
}
`;

/** Numbers of the uniform block `Zero`, in its order; indices and strides in vectors of 4. */
export interface ZeroParameters {
  tiles: number;
  gridWidth: number;
  /** Positions of the two states. */
  initial: number;
  final: number;
  gradientRows: number;
  gradientStride: number;
  /** The dispatch's first coordinate, and N, in the mask. */
  first: number;
  coordinates: number;
}

/** Zeroes ∇ and both states wherever the mask is 0, even if they are not finite. */
export function zeroShader({ lanes, stateRows }: LstmPlan): string {
  return `
struct Zero {
  tiles: u32, gridWidth: u32, initial: u32, final_: u32,
  gradientRows: u32, gradientStride: u32, first: u32, coordinates: u32,
}
@group(0) @binding(0) var<storage, read> mask: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(3) var<uniform> parameters: Zero;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) p: u32) {
  let tile = workgroup.y * parameters.gridWidth + workgroup.x;
  if (tile >= parameters.tiles) { return; }
  var good = vec4<bool>();
  for (var j = 0u; j < 4u; j++) {
    let n = parameters.first + tile * ${4 * lanes}u + 4u * p + j;
    good[j] = n >= parameters.coordinates || mask[min(n, parameters.coordinates - 1u)] != 0.0;
  }
  if (all(good)) { return; }
  for (var r = 0u; r < parameters.gradientRows; r++) {
    let at = r * parameters.gradientStride + tile * ${lanes}u + p;
    gradients[at] = select(vec4f(), gradients[at], good);
  }
  for (var r = 0u; r < ${stateRows}u; r++) {
    let at = (tile * ${stateRows}u + r) * ${lanes}u + p;
    states[parameters.initial + at] = select(vec4f(), states[parameters.initial + at], good);
    states[parameters.final_ + at] = select(vec4f(), states[parameters.final_ + at], good);
  }
}
`;
}

/** Numbers of the uniform block `Finite`, in its order. */
export interface FiniteParameters {
  tiles: number;
  gridWidth: number;
  /** Rows ∇_1, ∇_2, …, and the stride between them in vectors of 4. */
  rows: number;
  gradientStride: number;
  /** The dispatch's first coordinate, N, and the coordinates of a problem. */
  first: number;
  coordinates: number;
  width: number;
  /** Index of the first flag. */
  flags: number;
}

/** The uniform block. */
export function finiteParameters(p: FiniteParameters): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(p.tiles, p.gridWidth, p.rows, p.gradientStride, p.first, p.coordinates, p.width, p.flags);
}

/** Writes 1, as a float, for every problem with a non-finite number in ∇_1, ∇_2, …. */
export function finiteShader({ lanes }: LstmPlan): string {
  return `
struct Finite {
  tiles: u32, gridWidth: u32, rows: u32, gradientStride: u32,
  first: u32, coordinates: u32, width: u32, flags: u32,
}
@group(0) @binding(0) var<storage, read> gradients: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> flags: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> parameters: Finite;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) p: u32) {
  let tile = workgroup.y * parameters.gridWidth + workgroup.x;
  if (tile >= parameters.tiles) { return; }
  let exponent = vec4u(0x7f800000u);
  var bad = vec4<bool>();
  for (var r = 1u; r <= parameters.rows; r++) {
    // of bits: compilers may take it that no float is NaN
    bad |= (gradients[r * parameters.gradientStride + tile * ${lanes}u + p] & exponent) == exponent;
  }
  for (var j = 0u; j < 4u; j++) {
    let n = parameters.first + tile * ${4 * lanes}u + 4u * p + j;
    if (bad[j] && n < parameters.coordinates) {
      atomicStore(&flags[parameters.flags + n / parameters.width], 0x3f800000u);
    }
  }
}
`;
}

/** Floating-point operations of a coordinate and step in the matrix products: forward, gates again, dL/dx and dW. */
export function stepFlops({ network }: Pick<LstmPlan, 'network'>): { forward: number; backward: number } {
  let forward = 0;
  let slopes = 0;
  let below = inputSize(network);
  network.layers.forEach((units, l) => {
    forward += 2 * (below + units) * 4 * units;
    slopes += 2 * (l === 0 ? units : below + units) * 4 * units;
    below = units;
  });
  forward += 2 * below;
  return { forward, backward: 2 * forward + slopes };
}
