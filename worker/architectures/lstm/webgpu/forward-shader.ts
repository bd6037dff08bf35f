/** The LSTM's forward steps as WGSL. */
import { inputSize } from '../../../../shared/architectures/lstm.js';
import { forwardRows, type LstmPlan } from './plan.js';
import { ACTIVATIONS, gateProduct, lines, storeInput, unitRuns } from './shader-parts.js';

/** What the shader writes to `output`. */
export const FORWARD_OUTPUTS = { nothing: 0, updates: 1, theta: 2 } as const;

/** Numbers of the uniform block `Forward`, in its order; indices and strides of states and gradients in vectors of 4. */
export interface ForwardParameters {
  /** Tiles of this dispatch. */
  tiles: number;
  /** Workgroups in a row of the grid. */
  gridWidth: number;
  steps: number;
  /** One of FORWARD_OUTPUTS. */
  output: number;
  /** Positions of the states before and after the first step. */
  before: number;
  after: number;
  /** Distance from a state to that of the next step. */
  stateStride: number;
  /** Position of the first step's ∇ at the dispatch's first coordinate. */
  gradient: number;
  gradientStride: number;
  /** The dispatch's first coordinate, and N, in θ and output. */
  first: number;
  coordinates: number;
}

/** The uniform block. */
export function forwardParameters(p: ForwardParameters): Uint32Array<ArrayBuffer> {
  const { tiles, gridWidth, steps, output, before, after, stateStride, gradient, gradientStride, first, coordinates } =
    p;
  return Uint32Array.of(
    ...[tiles, gridWidth, steps, output, before, after, stateStride, gradient, gradientStride, first, coordinates, 0],
  );
}

/**
 * A workgroup advances one tile of coordinates. Thread (q, p) has 4 coordinates (p) and one block of every layer's units
 * (q), whose four gates it accumulates in registers; x and h are shared through workgroup memory. A step of a window is
 * one dispatch; a replay is one dispatch of all steps.
 */
export function forwardShader(plan: LstmPlan): string {
  const { network, layers, lanes, stride, parts, threads, stateRows, output, variant } = plan;
  const inputs = inputSize(network);
  // rows of xs: the inputs, then of each layer the old h, then the new h of each but the last
  const oldRow: number[] = [];
  const newRow: number[] = [];
  let row = inputs;
  for (const { padded } of layers) {
    oldRow.push(row);
    row += padded;
  }
  for (const { padded } of layers.slice(0, -1)) {
    newRow.push(row);
    row += padded;
  }
  const stateOf = (base: string, row: string) => `states[${base} + (${row}) * ${lanes}u]`;
  const sharedRow = (row: string) => `xs[(${row}) * ${stride}u + p]`;
  // all loads before the first store, so that they overlap
  const load = [
    ...layers.map(({ block, state }, l) =>
      lines(block, (i) => `    let h${l}_${i} = ${stateOf('before', `${state + i}u + q * ${block}u`)};`),
    ),
    ...layers.map(({ block }, l) =>
      lines(block, (i) => `    ${sharedRow(`${oldRow[l]! + i}u + q * ${block}u`)} = h${l}_${i};`),
    ),
  ].join('\n');

  const layerTexts = layers.map((layer, l) => {
    const { block, padded, state } = layer;
    const last = l + 1 === layers.length;
    const rowOf = { below: l === 0 ? 0 : newRow[l - 1]!, own: oldRow[l]! };
    const units = unitRuns(
      block,
      variant.forwardUnits,
      variant.rolled,
      (first, count) => `
${lines(count, (n) => `      let old${n} = ${stateOf('before', `${n + state + padded}u + ${first} + q * ${block}u`)};`)}${gateProduct(plan, layer, first, count, rowOf)}
${lines(
  count,
  (n) => `      {
        let unit = ${n}u + ${first} + q * ${block}u;
        let c = fma(sigmoid4(f${n}), old${n}, sigmoid4(i${n}) * tanh4(g${n}));
        let h = sigmoid4(o${n}) * tanh4(c);
        ${stateOf('after', `${state}u + unit`)} = h;
        ${stateOf('after', `${state + padded}u + unit`)} = c;
        ${last ? `sum = fma(vec4f(weights[${output}u + unit].x), h, sum);` : `${sharedRow(`${newRow[l]!}u + unit`)} = h;`}
      }`,
)}`,
    );
    return `${units}${last ? '' : '\n    workgroupBarrier();'}`;
  });

  return `
struct Forward {
  tiles: u32, gridWidth: u32, steps: u32, output: u32,
  before: u32, after: u32, stateStride: u32, gradient: u32,
  gradientStride: u32, first: u32, coordinates: u32, unused: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(3) var<storage, read> theta: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<uniform> parameters: Forward;
var<workgroup> xs: array<vec4f, ${forwardRows(plan) * stride}>;
var<workgroup> sums: array<vec4f, ${threads}>;
${ACTIVATIONS}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = workgroup.y * parameters.gridWidth + workgroup.x;
  if (tile >= parameters.tiles) { return; }
  let p = thread % ${lanes}u;
  let q = thread / ${lanes}u;
  for (var s = 0u; s < parameters.steps; s++) {
    let before = parameters.before + s * parameters.stateStride + tile * ${stateRows * lanes}u + p;
    let after = parameters.after + s * parameters.stateStride + tile * ${stateRows * lanes}u + p;
    var sum = vec4f();
    workgroupBarrier();
    if (q == 0u) {
      let gradient = gradients[parameters.gradient + s * parameters.gradientStride + tile * ${lanes}u + p];
      ${storeInput(plan, 'gradient')}
    }
${load}
    workgroupBarrier();
${layerTexts.join('\n')}
    if (parameters.output != ${FORWARD_OUTPUTS.nothing}u) {
      sums[thread] = sum;
      workgroupBarrier();
      if (q == 0u) {
        var total = vec4f(weights[${output + layers.at(-1)!.padded}u].x);
${lines(parts, (q) => `        total += sums[${q * lanes}u + p];`)}
        total *= ${network.outputScale};
        let n = parameters.first + tile * ${4 * lanes}u + 4u * p;
        for (var j = 0u; j < 4u; j++) {
          if (n + j >= parameters.coordinates) { break; }
          var value = total[j];
          if (parameters.output == ${FORWARD_OUTPUTS.theta}u) { value += theta[n + j]; }
          output[n + j] = value;
        }
      }
    }
  }
}
`;
}
