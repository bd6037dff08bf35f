/**
 * The passes of dense.ts differentiated along a change of the weights, R{·} of Pearlmutter 1994, "Fast Exact
 * Multiplication by the Hessian". V is the change of W, and r the change of what it is named beside. Only
 * `inputCurvature` adds lanes: four, each the sum over every fourth column.
 */
import { SIGMOID, slope, TANH } from './dense';
import { sumOfLanes } from './elementary';

/** Turns a change r of what is activated into the change of the activations a: r·a′. */
export function changeActivations(activation: i32, a: usize, r: usize, bytes: i32): void {
  const one = f32x4.splat(1);
  for (let at = 0; at < bytes; at += 16) {
    const y = v128.load(a + at);
    const x = v128.load(r + at);
    let change = v128.and(x, f32x4.gt(y, f32x4.splat(0)));
    if (activation == SIGMOID) change = f32x4.mul(x, f32x4.mul(y, f32x4.sub(one, y)));
    else if (activation == TANH) change = f32x4.mul(x, f32x4.sub(one, f32x4.mul(y, y)));
    v128.store(r + at, change);
  }
}

/**
 * `inputGradient` differentiated: turns a hidden layer's activations a into the same gradient, (dz·Wᵀ)·a′, and their
 * change r into that gradient's change, (R{dz}·Wᵀ + dz·Vᵀ)·a′ + (dz·Wᵀ)·R{a′}. The change of dz is `dzChange`, and V
 * is `direction`.
 */
export function inputCurvature(
  activation: i32, a: usize, r: usize, count: i32, inputs: i32, aStride: i32, dz: usize, dzChange: usize,
  weights: usize, direction: usize, stride: i32,
): void {
  for (let row = 0; row < count; row++) {
    let w = weights;
    let v = direction;
    for (let input = 0; input < inputs; input++) {
      let dot = f32x4.splat(0);
      let change = f32x4.splat(0);
      for (let offset = 0; offset < stride; offset += 16) {
        const own = v128.load(w + offset);
        const d = v128.load(dz + offset);
        dot = f32x4.add(dot, f32x4.mul(own, d));
        change = f32x4.add(change, f32x4.mul(own, v128.load(dzChange + offset)));
        change = f32x4.add(change, f32x4.mul(v128.load(v + offset), d));
      }
      const at = input << 2;
      const value = load<f32>(a + at);
      const own = slope(activation, value);
      const sum = sumOfLanes(dot);
      store<f32>(a + at, sum * own);
      const bent = sum * (slopeChange(activation, value) * load<f32>(r + at));
      store<f32>(r + at, sumOfLanes(change) * own + bent);
      w += stride;
      v += stride;
    }
    for (let offset = inputs << 2; offset < aStride; offset += 4) store<f32>(a + offset, 0);
    a += aStride;
    r += aStride;
    dz += stride;
    dzChange += stride;
  }
}

/** How the activation's derivative changes with its value: R{a′} = this · R{a}. */
function slopeChange(activation: i32, value: f32): f32 {
  if (activation == SIGMOID) return 1 - 2 * value;
  if (activation == TANH) return -2 * value;
  return 0;
}
