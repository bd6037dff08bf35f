/** Tries out a module's closed form of H·v before it is used. */
import { fillNormal, seedKey } from '../../../shared/random.js';
import { agreesWithDifferences, hessianCheck } from '../hessian-check.js';
import type { Batch, HessianProduct, Problems } from '../problem.js';
import { moduleFault } from './fault.js';
import { COUNT, type Probe, SPOILT, STEPS, sameBits } from './probe.js';

const NAME = 'the Hessian-vector product';

/**
 * Throws FileError, one sentence, unless H·v of every problem agrees with finite differences of the gradient, has the
 * same bits every time, and depends neither on the number of problems nor on the others.
 *
 * @param again the problems of the module evaluated again
 */
export async function tryHessian(path: string, problems: Problems, again: Problems, probe: Probe): Promise<void> {
  const productOf = problems.createHessian?.();
  const anew = again.createHessian?.();
  if (!productOf || !anew) return;
  for (const step of STEPS) {
    const whole = callOf(problems, COUNT, step);
    const product = compute(productOf, whole);
    for (let p = 0; p < COUNT; p++) await checkProblem(path, probe, whole, product, p);
    const must = (right: boolean, requirement: string) => {
      if (!right) throw moduleFault(path, `${NAME} must ${requirement} at step ${step}`);
    };
    must(
      sameBits(compute(productOf, whole), product),
      'give the same bits every time, but gives others the second time',
    );
    must(
      sameBits(compute(anew, whole), product),
      'give the same bits when the module is loaded again, but gives others',
    );
    const own = (values: Float32Array, p: number) => values.subarray(p * whole.width, (p + 1) * whole.width);
    const alone = compute(productOf, callOf(problems, 1, step));
    must(sameBits(alone, own(product, 0)), 'depend on the problem alone, but depends on the number of problems');
    const theta = whole.theta.slice().fill(Number.NaN, SPOILT * whole.width, (SPOILT + 1) * whole.width);
    const spoilt = compute(productOf, { ...whole, theta });
    const same = [0, 2].every((p) => sameBits(own(spoilt, p), own(product, p)));
    must(same, 'compute every problem independently, but changes one if another is NaN');
  }
}

/** The arguments of a product. */
interface Call {
  theta: Float32Array;
  vector: Float32Array;
  batch: Batch;
  step: number;
  /** Coordinates of a problem. */
  width: number;
}

/** `count` problems, each with its own random direction. */
function callOf(problems: Problems, count: number, step: number): Call {
  const key = seedKey(0);
  const { theta, data } = problems.draw(key, count, 'train');
  const width = theta.length / count;
  const vector = new Float32Array(theta.length);
  for (let p = 0; p < count; p++) fillNormal(seedKey(p), vector.subarray(p * width, (p + 1) * width));
  return { theta: hessianCheck(theta).point, vector, batch: { count, data, key, split: 'train' }, step, width };
}

/** Computes a product; what the module does not write is NaN. */
function compute(productOf: HessianProduct, { theta, vector, batch, step }: Call): Float32Array {
  const product = new Float32Array(theta.length).fill(Number.NaN);
  productOf(theta, vector, batch, step, product);
  return product;
}

/** Compares the product of one problem with finite differences of its gradient. */
async function checkProblem(
  path: string,
  probe: Probe,
  { theta, vector, batch, step, width }: Call,
  product: Float32Array,
  p: number,
): Promise<void> {
  const part = (values: Float32Array) => values.subarray(p * width, (p + 1) * width);
  const gradientAt = (point: Float32Array) => {
    const all = theta.slice();
    all.set(point, p * width);
    return part(probe.compute({ theta: all, batch, step }).gradient);
  };
  const check = { point: part(theta), direction: part(vector) };
  if (await agreesWithDifferences(part(product), check, 1, gradientAt)) return;
  const requirement = 'must agree with finite differences of the gradient within a tenth of their norm';
  throw moduleFault(path, `${NAME} ${requirement}, but does not at step ${step}`);
}
