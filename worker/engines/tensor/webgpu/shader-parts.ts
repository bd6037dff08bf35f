/** What the forward and the backward shader have in common, as WGSL. */
import { LOG_AND_SIGN_P } from '../../../optimizers/lstm.js';
import type { LayerPlan, LstmPlan } from './plan.js';

/** Text of one line a number 0…count − 1. */
export function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join('\n');
}

/**
 * σ by exp; tanh by the rational function of the CPU's kernel, relative error 2e-7, since 1 − e^−2x would lose the digits
 * of small values; the units of both are spread over the two pipes of a GPU.
 */
export const ACTIVATIONS = `
fn sigmoid4(x: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp2(min(x * -1.44269504, vec4f(126.0))));
}
fn tanh4(value: vec4f) -> vec4f {
  let x = clamp(value, vec4f(-8.3), vec4f(8.3));
  let z = x * x;
  var a = fma(vec4f(1.11210975e-5), z, vec4f(0.00292248558));
  var b = fma(vec4f(2.36131328e-7), z, vec4f(0.000234640669));
  a = fma(a, z, vec4f(0.128990695));
  b = fma(b, z, vec4f(0.0236987248));
  a = fma(a, z, vec4f(0.999999821));
  b = fma(b, z, vec4f(0.462322474));
  b = fma(b, z, vec4f(1.0));
  return x * a / b;
}
`;

/** φ as the shader reads it. */
export function weightsBinding({ variant, weightVectors }: LstmPlan): string {
  return variant.weights === 'uniform'
    ? `@group(0) @binding(0) var<uniform> weights: array<vec4f, ${weightVectors}>;`
    : '@group(0) @binding(0) var<storage, read> weights: array<vec4f>;';
}

/** Puts what the network reads of the gradients `name` (vec4f) into rows 0 and 1 of xs, or row 0. */
export function storeInput({ network, stride }: LstmPlan, name: string): string {
  if (network.preprocessing === 'none') return `xs[p] = ${name};`;
  const threshold = Math.exp(-LOG_AND_SIGN_P);
  return `
      let magnitude = abs(${name});
      let large = magnitude >= vec4f(${threshold});
      let logarithm = log(max(magnitude, vec4f(${threshold}))) * ${1 / LOG_AND_SIGN_P};
      xs[p] = select(vec4f(-1.0), logarithm, large);
      xs[${stride}u + p] = select(${name} * ${Math.exp(LOG_AND_SIGN_P)}, sign(${name}), large);`;
}

/** Names of the accumulators of unit i's gates. */
export function gates(i: number): [string, string, string, string] {
  return [`i${i}`, `g${i}`, `f${i}`, `o${i}`];
}

/**
 * z = (x, h)·W + b of units `first`…`first + count − 1` of a thread's block, for 4 coordinates: declares the accumulators
 * `gates(i)`. The rows from below and its own h start at these rows of xs.
 */
export function gateProduct(
  { stride }: LstmPlan,
  { padded, block, below, rows, weights }: LayerPlan,
  first: number,
  count: number,
  from: { below: number; own: number },
): string {
  const vector = (i: number) => (i === 0 ? 'at' : `at + ${i}u`);
  const accumulate = (base: number, row: number, howMany: number) => `
      for (var k = 0u; k < ${howMany}u; k++) {
        let x = xs[(${base}u + k) * ${stride}u + p];
        let at = (${row}u + k) * ${padded}u + ${weights + first}u + q * ${block}u;
${lines(
  count,
  (i) => `        let w${i} = weights[${vector(i)}];
${gates(first + i)
  .map((name, gate) => `        ${name} = fma(vec4f(w${i}.${'xyzw'[gate]}), x, ${name});`)
  .join('\n')}`,
)}
      }`;
  return `
      let bias${first} = ${(rows - 1) * padded + weights + first}u + q * ${block}u;
${lines(count, (i) =>
  gates(first + i)
    .map((name, gate) => `      var ${name} = vec4f(weights[bias${first} + ${i}u].${'xyzw'[gate]});`)
    .join('\n'),
)}${accumulate(from.below, 0, below)}${accumulate(from.own, below, padded)}`;
}

/** Cuts a block of units into runs of at most `most`: [first, count]. */
export function runsOf(block: number, most: number): [number, number][] {
  const runs: [number, number][] = [];
  for (let first = 0; first < block; first += most) runs.push([first, Math.min(most, block - first)]);
  return runs;
}
