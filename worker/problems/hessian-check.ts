/** Checks a Hessian-vector product against finite differences of the gradient. */
import { fillNormal, seedKey } from '../../shared/random.js';

/** The point θ [N] and the vector v [N] of a check. */
export interface HessianCheck {
  point: Float32Array;
  direction: Float32Array;
}

/** Step lengths to try: from a large scale of θ to less than the distance to a kink. */
const DIFFERENCES = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 3e-7];

/** Standard deviation of the move away from 0, where |θ| and the like have a kink. */
const OFF_ZERO = 1e-2;

/** A random direction, and the given θ with its zeros moved a little. */
export function hessianCheck(theta: Float32Array): HessianCheck {
  const direction = new Float32Array(theta.length);
  fillNormal(seedKey(0), direction);
  const point = new Float32Array(theta.length);
  fillNormal(seedKey(1), point, 0, OFF_ZERO);
  theta.forEach((x, i) => {
    if (x !== 0) point[i] = x;
  });
  return { point, direction };
}

/** Whether H·v [N] is within a tenth of some finite difference of the gradient in at least half of the problems. */
export async function agreesWithDifferences(
  product: Float32Array,
  { point, direction }: HessianCheck,
  count: number,
  gradientAt: (theta: Float32Array) => Float32Array | Promise<Float32Array>,
): Promise<boolean> {
  const width = point.length / count;
  const agreeing = new Set<number>();
  for (const epsilon of DIFFERENCES) {
    const above = await gradientAt(point.map((x, i) => x + epsilon * direction[i]!));
    const below = await gradientAt(point.map((x, i) => x - epsilon * direction[i]!));
    const difference = above.map((slope, i) => (slope - below[i]!) / (2 * epsilon));
    for (let p = 0; p < count; p++) {
      if (agree(product, difference, p * width, (p + 1) * width)) agreeing.add(p);
    }
    if (2 * agreeing.size >= count) return true;
  }
  return false;
}

/** Whether two vectors differ in [from, to) by at most a tenth of the second one's norm. */
function agree(actual: Float32Array, expected: Float32Array, from: number, to: number): boolean {
  let error = 0;
  let norm = 0;
  for (let i = from; i < to; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return error <= 0.01 * norm;
}
