/** The LSTM's backward pass over a window as WGSL. */
import { backwardRows, type LayerPlan, type LstmPlan } from './plan.js';
import { ACTIVATIONS, gateProduct, lines, storeInput, unitRuns } from './shader-parts.js';

/** Numbers of the uniform block `Backward`, in its order; indices and strides in vectors of 4. */
export interface BackwardParameters {
  /** Tiles of this dispatch, and of one workgroup. */
  tiles: number;
  groupTiles: number;
  steps: number;
  /** 1 if there is an additional dL/dg. */
  extra: number;
  /** Position of the first tile's h_0, and the distance from a state to that of the next step. */
  state: number;
  stateStride: number;
  /** Position of the first tile's ∇_0. */
  gradient: number;
  gradientStride: number;
  /** The dispatch's first row of the partial sums. */
  partial: number;
}

/** The uniform block. */
export function backwardParameters(p: BackwardParameters): Uint32Array<ArrayBuffer> {
  const { tiles, groupTiles, steps, extra, state, stateStride, gradient, gradientStride, partial } = p;
  return Uint32Array.of(
    ...[tiles, groupTiles, steps, extra, state, stateStride, gradient, gradientStride, partial, 0, 0, 0],
  );
}

/**
 * A workgroup takes several tiles, one after another, through all steps from the last to the first, layer by layer from
 * the top. It computes the gates again from the states before and after the step; dL/dz, shared through workgroup
 * memory; from that dL/dh of the layer and of the one below, and the products x·dL/dz, which a thread sums over tiles,
 * steps and coordinates in a fixed order. Threads are divided as in the forward pass, so that a unit's dL/dh is
 * computed by the thread that needs it.
 */
export function backwardShader(plan: LstmPlan): string {
  const { network, layers, stride, threads, lanes, output, partialLength, resident, variant } = plan;
  const { x: xRows, z: zRows } = backwardRows(plan);
  const top = layers.length - 1;
  const topBlock = layers[top]!.block;
  const topPadded = layers[top]!.padded;

  return `
struct Backward {
  tiles: u32, groupTiles: u32, steps: u32, extra: u32,
  state: u32, stateStride: u32, gradient: u32, gradientStride: u32,
  partial: u32, unused0: u32, unused1: u32, unused2: u32,
}
@group(0) @binding(0) var<storage, read> weights: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read> states: array<vec4f>;
@group(0) @binding(3) var<storage, read> extra: array<vec4f>;
@group(0) @binding(4) var<storage, read> lossWeights: array<f32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<uniform> parameters: Backward;
var<workgroup> xs: array<vec4f, ${xRows * stride}>;
var<workgroup> zs: array<vec4f, ${zRows * stride}>;
${ACTIVATIONS}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = thread % ${lanes}u;
  let q = thread / ${lanes}u;
  let partial = (parameters.partial + workgroup.x) * ${partialLength}u;
${layers.map((layer, l) => declareProduct(plan, layer, l)).join('\n')}
${layers.map(({ block }, l) => `  var dh${l}: array<vec4f, ${block}>;\n  var dc${l}: array<vec4f, ${block}>;`).join('\n')}
  var outputSums: array<vec4f, ${topBlock}>;
  var biasSum = vec4f();
  for (var t = 0u; t < parameters.groupTiles; t++) {
    let tile = workgroup.x * parameters.groupTiles + t;
    if (tile >= parameters.tiles) { break; }
    let stateAt = parameters.state + tile * ${plan.stateRows * lanes}u + p;
    let gradientAt = parameters.gradient + tile * ${lanes}u + p;
${layers.map(({ block }, l) => `    dh${l} = array<vec4f, ${block}>();\n    dc${l} = array<vec4f, ${block}>();`).join('\n')}
    var suffix = vec4f();
    for (var s = parameters.steps; s > 0u; s--) {
      let before = stateAt + (s - 1u) * parameters.stateStride;
      let after = before + parameters.stateStride;
      suffix = fma(vec4f(lossWeights[s - 1u]), gradients[gradientAt + s * parameters.gradientStride], suffix);
      var slope = suffix;
      if (parameters.extra == 1u) { slope += extra[gradientAt + (s - 1u) * parameters.gradientStride]; }
      slope *= ${network.outputScale};
      biasSum += slope;
${layers
  .map((_, l) => l)
  .reverse()
  .map((l) => layerStep(plan, l))
  .join('\n')}
    }
  }
${layers.map((layer, l) => (resident ? storeProduct(layer, l) : '')).join('\n')}
  workgroupBarrier();
${lines(topBlock, (i) => `  zs[(${i}u + q * ${topBlock}u) * ${stride}u + p] = outputSums[${i}];`)}
  zs[(${topPadded}u + q) * ${stride}u + p] = biasSum;
  workgroupBarrier();
  for (var unit = thread; unit <= ${topPadded}u; unit += ${threads}u) {
    var sum = vec4f();
    for (var j = 0u; j < ${lanes}u; j++) { sum += zs[unit * ${stride}u + j]; }
    partials[partial + ${4 * output}u + unit] = (sum.x + sum.y) + (sum.z + sum.w);
  }
}
`;

  /** One step of one layer. */
  function layerStep(of: LstmPlan, l: number): string {
    const layer = of.layers[l]!;
    const { block, padded, below, state } = layer;
    const lower = l === 0 ? undefined : of.layers[l - 1]!;
    const stateOf = (base: string, row: string) => `states[${base} + (${row}) * ${lanes}u]`;
    const sharedRow = (row: string) => `xs[(${row}) * ${stride}u + p]`;
    const loads = [
      ...Array.from({ length: lower?.block ?? 0 }, (_, i) => [
        `below${i}`,
        stateOf('after', `${lower!.state + i}u + q * ${lower!.block}u`),
        sharedRow(`${i}u + q * ${lower!.block}u`),
      ]),
      ...Array.from({ length: block }, (_, i) => [
        `own${i}`,
        stateOf('before', `${state + i}u + q * ${block}u`),
        sharedRow(`${below + i}u + q * ${block}u`),
      ]),
    ];
    const input =
      l === 0
        ? `        let gradient = gradients[gradientAt + (s - 1u) * parameters.gradientStride];
        ${storeInput(of, 'gradient')}`
        : '';
    const units = unitRuns(
      block,
      variant.backwardUnits,
      variant.rolled,
      // loads from memory are issued before the product, which takes longer
      (first, count) => `
${lines(
  count,
  (n) => `      let c${n} = ${stateOf('before', `${n + state + padded}u + ${first} + q * ${block}u`)};`,
)}${gateProduct(of, layer, first, count, { below: 0, own: below })}
${lines(
  count,
  (n) => `      {
        let unit = ${n}u + ${first} + q * ${block}u;
        let i = sigmoid4(i${n});
        let g = tanh4(g${n});
        let f = sigmoid4(f${n});
        let o = sigmoid4(o${n});
        let c = c${n};
        let t = tanh4(fma(f, c, i * g));
        var dh = dh${l}[${n}u + ${first}];
${
  l === top
    ? `        dh = fma(vec4f(weights[${output}u + unit].x), slope, dh);
        outputSums[${n}u + ${first}] = fma(o * t, slope, outputSums[${n}u + ${first}]);`
    : ''
}
        let dho = dh * o;
        let dc = fma(dho, fma(-t, t, vec4f(1.0)), dc${l}[${n}u + ${first}]);
        dc${l}[${n}u + ${first}] = dc * f;
        let column = 4u * unit * ${stride}u + p;
        zs[column] = dc * g * fma(-i, i, i);
        zs[column + ${stride}u] = dc * i * fma(-g, g, vec4f(1.0));
        zs[column + ${2 * stride}u] = dc * c * fma(-f, f, f);
        zs[column + ${3 * stride}u] = dho * t * (1.0 - o);
      }`,
)}`,
    );
    return `      {
${loads.map(([name, at]) => `        let ${name} = ${at};`).join('\n')}
      workgroupBarrier();
      if (q == 0u) {
${input}
        xs[${below + padded}u * ${stride}u + p] = vec4f(1.0);
      }
${loads.map(([name, , row]) => `        ${row} = ${name};`).join('\n')}
      }
      workgroupBarrier();
${units}
      workgroupBarrier();
${hiddenSlopes(of, l)}
${product(of, layer, l)}`;
  }

  /** W·dL/dz: dL/dh of the layer's previous step, and the share of this layer in that of the layer below. */
  function hiddenSlopes(of: LstmPlan, l: number): string {
    const { block, padded, below, rows, weights, transposed } = of.layers[l]!;
    const columns = variant.slopes === 'columns';
    const lower = l === 0 ? undefined : of.layers[l - 1]!;
    // [accumulator, row of W]
    const sums: [string, string][] = Array.from({ length: block }, (_, i) => [
      `own${i}`,
      `${below + i}u + q * ${block}u`,
    ]);
    for (let i = 0; lower && i < lower.block; i++) sums.push([`below${i}`, `${i}u + q * ${lower.block}u`]);
    const finish = (name: string, index: number): string => {
      if (index < block) return `dh${l}[${index}] = ${name};`;
      return `dh${l - 1}[${index - block}] += ${name};`;
    };
    return `      {
${sums.map(([name]) => `        var ${name} = vec4f();`).join('\n')}
        for (var u = 0u; u < ${padded}u; u++) {
          let at = ${columns ? `${transposed}u + u * ${rows - 1}u` : `${weights}u + u`};
          let zi = zs[4u * u * ${stride}u + p];
          let zg = zs[(4u * u + 1u) * ${stride}u + p];
          let zf = zs[(4u * u + 2u) * ${stride}u + p];
          let zo = zs[(4u * u + 3u) * ${stride}u + p];
${sums
  .map(
    ([name, at], index) => `          let w${index} = weights[at + (${at}) * ${columns ? 1 : padded}u];
          ${name} = fma(vec4f(w${index}.x), zi, ${name});
          ${name} = fma(vec4f(w${index}.y), zg, ${name});
          ${name} = fma(vec4f(w${index}.z), zf, ${name});
          ${name} = fma(vec4f(w${index}.w), zo, ${name});`,
  )
  .join('\n')}
        }
${sums.map(([name], index) => `        ${finish(name, index)}`).join('\n')}
      }`;
  }
}

/** Declares a thread's place in a layer's dW and its sums, in registers, or zeroes them in memory. */
function declareProduct({ resident, threads }: LstmPlan, layer: LayerPlan, l: number): string {
  const { rows, columns, rowThreads, rounds } = layer.product;
  if (resident) {
    return lines(
      rounds,
      (r) => `  let row${l}_${r} = (thread + ${r * threads}u) % ${rowThreads}u;
  let column${l}_${r} = (thread + ${r * threads}u) / ${rowThreads}u;
${lines(rows, (i) => lines(columns, (j) => `  var sum${l}_${r}_${i}_${j} = 0.0;`))}`,
    );
  }
  const length = layer.rows * 4 * layer.padded;
  return `  for (var at = thread; at < ${length}u; at += ${threads}u) { partials[partial + ${4 * layer.weights}u + at] = 0.0; }
  storageBarrier();`;
}

/** Adds a step's x·dL/dz over the tile's coordinates to dW. */
function product(plan: LstmPlan, layer: LayerPlan, l: number): string {
  const { stride, lanes, resident, threads } = plan;
  const { rowThreads, rounds } = layer.product;
  if (resident) {
    return lines(rounds, (r) => productRound(plan, layer, `row${l}_${r}`, `column${l}_${r}`, `sum${l}_${r}`));
  }
  const { rows, columns } = layer.product;
  return `      for (var r = 0u; r < ${rounds}u; r++) {
        let row = (thread + r * ${threads}u) % ${rowThreads}u;
        let column = (thread + r * ${threads}u) / ${rowThreads}u;
${lines(rows, (i) => lines(columns, (j) => `        var sum_${i}_${j} = 0.0;`))}
${productRound({ stride, lanes }, layer, 'row', 'column', 'sum')}
${storeTile(layer, 'row', 'column', 'sum', '+=')}
      }`;
}

/** The product for one of a thread's tiles of dW. */
function productRound(
  { stride, lanes }: Pick<LstmPlan, 'stride' | 'lanes'>,
  { padded, rows, product: { rows: a, columns: b, rowThreads, columnThreads } }: LayerPlan,
  row: string,
  column: string,
  sum: string,
): string {
  // threads past the edge compute the last row or column again and store nothing
  return `      {
${lines(a, (i) => `        let x${i}At = min(${row} + ${i * rowThreads}u, ${rows - 1}u) * ${stride}u;`)}
${lines(b, (j) => `        let z${j}At = min(${column} + ${j * columnThreads}u, ${4 * padded - 1}u) * ${stride}u;`)}
        for (var j = 0u; j < ${lanes}u; j++) {
${lines(a, (i) => `          let x${i} = xs[x${i}At + j];`)}
${lines(
  b,
  (j) => `          let z${j} = zs[z${j}At + j];
${lines(a, (i) => {
  const name = `${sum}_${i}_${j}`;
  return `          ${name} = fma(x${i}.x, z${j}.x, fma(x${i}.y, z${j}.y, fma(x${i}.z, z${j}.z, fma(x${i}.w, z${j}.w, ${name}))));`;
})}`,
)}
        }
      }`;
}

function storeProduct(layer: LayerPlan, l: number): string {
  return lines(layer.product.rounds, (r) => storeTile(layer, `row${l}_${r}`, `column${l}_${r}`, `sum${l}_${r}`, '='));
}

function storeTile(
  { padded, rows, weights, product: { rows: a, columns: b, rowThreads, columnThreads } }: LayerPlan,
  row: string,
  column: string,
  sum: string,
  assign: '=' | '+=',
): string {
  return lines(a, (i) =>
    lines(
      b,
      (
        j,
      ) => `  if (${row} < ${Math.min(rowThreads, rows - i * rowThreads)}u && ${column} < ${Math.min(columnThreads, 4 * padded - j * columnThreads)}u) {
    partials[partial + ${4 * weights}u + (${row} + ${i * rowThreads}u) * ${4 * padded}u + ${column} + ${j * columnThreads}u] ${assign} ${sum}_${i}_${j};
  }`,
    ),
  );
}
