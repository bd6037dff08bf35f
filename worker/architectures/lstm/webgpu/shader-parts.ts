/** WGSL that the forward and the backward shader share. */
import type { LayerPlan, LstmPlan } from './plan.js';

/** One line of text for each number 0…count − 1. */
export function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join('\n');
}

/**
 * σ by exp; tanh by the rational function of the CPU's kernel, relative error 2e-7, since 1 − e^−2x would lose the
 * digits of small values. This also divides the work between the two pipes of a GPU.
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

/** Stores the network's input for the gradients `name` (vec4f) in rows 0 and 1 of xs, or in row 0. */
export function storeInput({ network, stride }: LstmPlan, name: string): string {
  if (network.preprocessing === 'none') return `xs[p] = ${name};`;
  const p = network.logAndSignP;
  // with an exponent: a number without a dot would be an integer of WGSL, which e^p may exceed
  const [threshold, inverse, exponential] = [Math.exp(-p), 1 / p, Math.exp(p)].map((value) => value.toExponential());
  return `
      let magnitude = abs(${name});
      let large = magnitude >= vec4f(${threshold});
      let logarithm = log(max(magnitude, vec4f(${threshold}))) * ${inverse};
      xs[p] = select(vec4f(-1.0), logarithm, large);
      xs[${stride}u + p] = select(${name} * ${exponential}, sign(${name}), large);`;
}

/** Names of the accumulators for the gates of a run's unit n. */
export function gates(n: number): [string, string, string, string] {
  return [`i${n}`, `g${n}`, `f${n}`, `o${n}`];
}

/**
 * z = (x, h)·W + b of `count` units of a thread's block from `first` (an expression) on, for 4 coordinates: declares
 * the accumulators `gates(n)`. The input from below and the layer's own h start at the rows `rowOf` of xs.
 */
export function gateProduct(
  { stride }: LstmPlan,
  { padded, block, below, rows, weights }: LayerPlan,
  first: string,
  count: number,
  rowOf: { below: number; own: number },
): string {
  const accumulate = (base: number, weightRow: number, howMany: number) => `
      for (var k = 0u; k < ${howMany}u; k++) {
        let x = xs[(${base}u + k) * ${stride}u + p];
        let at = (${weightRow}u + k) * ${padded}u + unitAt;
${lines(
  count,
  (n) => `        let w${n} = weights[at + ${n}u];
${gates(n)
  .map((name, gate) => `        ${name} = fma(vec4f(w${n}.${'xyzw'[gate]}), x, ${name});`)
  .join('\n')}`,
)}
      }`;
  return `
      let unitAt = ${weights}u + ${first} + q * ${block}u;
${lines(count, (n) =>
  gates(n)
    .map((name, gate) => `      var ${name} = vec4f(weights[${(rows - 1) * padded + n}u + unitAt].${'xyzw'[gate]});`)
    .join('\n'),
)}${accumulate(rowOf.below, 0, below)}${accumulate(rowOf.own, below, padded)}`;
}

/**
 * The text for a thread's block of units, in runs of at most `most`. `body` gives the text of a run from its first
 * unit, an expression, and its length. The runs follow one another or, if `rolled`, those of full length are a loop.
 */
export function unitRuns(
  block: number,
  most: number,
  rolled: boolean,
  body: (first: string, count: number) => string,
): string {
  const whole = Math.floor(block / most);
  const rest = block % most;
  const runs: string[] = [];
  if (rolled && whole > 1) {
    runs.push(`
      for (var run = 0u; run < ${whole * most}u; run += ${most}u) {${body('run', most)}
      }`);
  } else {
    for (let r = 0; r < whole; r++) runs.push(`\n      {${body(`${r * most}u`, most)}\n      }`);
  }
  if (rest > 0) runs.push(`\n      {${body(`${whole * most}u`, rest)}\n      }`);
  return runs.join('');
}
