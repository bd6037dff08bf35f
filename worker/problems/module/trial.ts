/** Tries out the problems of a module before they are used. */
import { fillNormal, foldIn, type Key, seedKey } from '../../../shared/random.js';
import { parametersOf, tensorsText } from '../parameter-tensors.js';
import type { Draw, Problems, Split } from '../problem.js';
import { withStationaryBatches } from '../stationary.js';
import { moduleFault } from './fault.js';
import { tryHessian } from './hessian-trial.js';
import {
  type Call,
  COUNT,
  closedFormProbe,
  type Probe,
  SPOILT,
  STEPS,
  sameBits,
  tensorProbe,
  type Values,
} from './probe.js';

/** How many of the problems are drawn again without the others. */
const FEWER = 2;
const SPLITS: readonly Split[] = ['train', 'held-out', 'test'];

/**
 * Largest relative differences: of a closed form from the loss differentiated in float32, and between sums in different
 * orders.
 */
const AGREEMENT = 1e-3;
const ROUNDING = 1e-4;

const ADVICE = 'draw each problem with fillNormal() or the like from streamKey(key, stream, p)';

/**
 * Draws a few problems of every split and computes their gradients. Throws FileError, one sentence, unless
 * - numbers are finite at the start of an episode, and the gradient writes all of its results and nothing else;
 * - the same key gives the same bits, and θ the same tensors, also in `again`, from the module evaluated again;
 * - a problem depends neither on how many are drawn nor on the others;
 * - a loss declared stationary reads neither the step nor the key, and its data only through dataTensor();
 * - the closed form agrees with the loss on tensors and its derivative, and that of H·v with the gradient.
 */
export async function tryProblems(path: string, problems: Problems, again: Problems): Promise<void> {
  checkTensors(path, problems, again);
  const tensor = await tensorProbe(path, problems);
  const onDevice = problems.stationary && (await tensorProbe(path, withStationaryBatches(problems)));
  const probe = closedFormProbe(path, problems) ?? tensor;
  const other = closedFormProbe(path, again) ?? (await tensorProbe(path, again));
  SPLITS.forEach((split, index) => {
    const { all, fewer } = tryDraws(path, problems, again, foldIn(seedKey(0), index), split);
    if (onDevice) checkStationary(path, tensor, onDevice, all);
    for (const step of STEPS) {
      const call: Call = { ...all, step };
      const values = checkRepeats(path, probe, other, call);
      checkCount(path, probe, { ...fewer, step }, values);
      checkSpoilt(path, probe, call, values);
      if (probe !== tensor) checkAgreement(path, probe, tensor, call);
    }
  });
  await tryHessian(path, problems, again, probe);
}

/** Checks that θ is made of the same tensors in every thread. */
function checkTensors(path: string, problems: Problems, again: Problems): void {
  const [first, other] = [problems, again].map((each) => tensorsText(parametersOf(each))) as [string, string];
  if (first === other) return;
  const found = `got ${first}, then ${other} when the module is loaded again`;
  throw moduleFault(path, `"parameters" must be the same tensors every time, ${found}`);
}

/** Draws from a key; checks that the draw is finite, a function of the key, and problem p of (key, p) alone. */
function tryDraws(path: string, problems: Problems, again: Problems, key: Key, split: Split) {
  const draw = problems.draw(key, COUNT, split);
  const wrong = firstNonFinite(draw.theta);
  if (wrong !== undefined) throw moduleFault(path, `draw() must return finite numbers as "theta", got ${wrong}`);
  for (const [what, repeated] of [
    ['the second time', problems.draw(key, COUNT, split)],
    ['when the module is loaded again', again.draw(key, COUNT, split)],
  ] as const) {
    if (sameBits(draw.theta, repeated.theta) && sameBits(draw.data, repeated.data)) continue;
    throw moduleFault(path, `draw() must give the same bits for the same key, but gives others ${what}; ${ADVICE}`);
  }
  const few = problems.draw(key, FEWER, split);
  if (!sameBits(few.theta, draw.theta.subarray(0, few.theta.length))) {
    const alone = 'draw() must draw problem p from (key, p) alone, but its θ_0 depends on the number of problems';
    throw moduleFault(path, `${alone}; ${ADVICE}`);
  }
  const callOf = ({ theta, data }: Draw, count: number) => ({ theta, batch: { count, data, key, split } });
  return { all: callOf(draw, COUNT), fewer: callOf(few, FEWER) };
}

/** The values of a call; checks that they are finite and the same every time. */
function checkRepeats(path: string, probe: Probe, other: Probe, call: Call): Values {
  const at = `at step ${call.step} of split "${call.batch.split}"`;
  const values = probe.compute(call);
  for (const [what, numbers] of Object.entries(values)) {
    const wrong = firstNonFinite(numbers);
    if (wrong === undefined) continue;
    throw moduleFault(path, `${probe.name} must give finite ${what} at θ_0, got ${wrong} ${at}`);
  }
  for (const [what, repeated] of [
    ['the second time', probe.compute(call)],
    ['when the module is loaded again', other.compute(call)],
  ] as const) {
    if (sameBits(values.losses, repeated.losses) && sameBits(values.gradient, repeated.gradient)) continue;
    throw moduleFault(path, `${probe.name} must give the same bits every time, but gives others ${what} ${at}`);
  }
  return values;
}

/** Checks that the first problems do not change if fewer are drawn. */
function checkCount(path: string, probe: Probe, fewer: Call, values: Values): void {
  const first = {
    losses: values.losses.subarray(0, FEWER),
    gradient: values.gradient.subarray(0, fewer.theta.length),
  };
  if (difference(probe.compute(fewer), first) <= ROUNDING) return;
  const alone =
    'problem p must be a function of (key, p) alone, but its data or its loss depends on the number of problems';
  throw moduleFault(path, `${alone}; ${ADVICE}`);
}

/** Checks that the others do not change if one problem is NaN. */
function checkSpoilt(path: string, probe: Probe, call: Call, { losses, gradient }: Values): void {
  const d = gradient.length / COUNT;
  const theta = call.theta.slice().fill(Number.NaN, SPOILT * d, (SPOILT + 1) * d);
  const spoilt = probe.compute({ ...call, theta });
  for (let p = 0; p < COUNT; p++) {
    const row = [p * d, (p + 1) * d] as const;
    const same =
      sameBits(spoilt.gradient.subarray(...row), gradient.subarray(...row)) && spoilt.losses[p] === losses[p];
    if (p === SPOILT || same) continue;
    const alone = 'must compute every problem independently, but changes one if another is NaN';
    throw moduleFault(path, `${probe.name} ${alone}`);
  }
}

/** Checks that the loss is the same at another step, with another key, and if a device holds the data. */
function checkStationary(path: string, tensor: Probe, onDevice: Probe, { theta, batch }: Omit<Call, 'step'>): void {
  const [first, other] = STEPS.map((step) =>
    tensor.compute({ theta, step, batch: { ...batch, key: foldIn(batch.key, step) } }),
  ) as [Values, Values];
  if (!sameBits(first.losses, other.losses) || !sameBits(first.gradient, other.gradient)) {
    throw moduleFault(path, 'loss() must read neither step nor key if "stationary" is true, but does');
  }
  try {
    onDevice.compute({ theta, batch, step: 0 });
  } catch (cause) {
    const requirement = 'must read its data only through dataTensor(), and no key, if "stationary" is true';
    throw moduleFault(path, `loss() ${requirement}, but does not`, cause);
  }
}

/**
 * Compares near θ_0 rather than at it, since a gradient may vanish or have a kink there; at θ_0 if only that is finite.
 */
function checkAgreement(path: string, closed: Probe, tensor: Probe, call: Call): void {
  for (const theta of [nearby(call), call.theta]) {
    const expected = tensor.compute({ ...call, theta });
    if ((firstNonFinite(expected.losses) ?? firstNonFinite(expected.gradient)) !== undefined) continue;
    const error = difference(closed.compute({ ...call, theta }), expected);
    if (error <= AGREEMENT) return;
    const found = Number.isNaN(error) ? 'is not finite' : `differs by ${error.toPrecision(2)}`;
    const requirement = `must agree with loss() and its derivative within ${AGREEMENT} of their norm`;
    throw moduleFault(path, `${closed.name} ${requirement}, but ${found} at step ${call.step}`);
  }
  throw moduleFault(path, `loss() and its derivative must be finite at θ_0, but are not at step ${call.step}`);
}

/** θ_0 moved by a tenth of its size. */
function nearby({ theta, step }: Call): Float32Array {
  const size = Math.sqrt(theta.reduce((sum, value) => sum + value * value, 0) / theta.length) || 1;
  const near = new Float32Array(theta.length);
  fillNormal(seedKey(step), near, 0, 0.1 * size);
  return near.map((move, i) => theta[i]! + move);
}

function firstNonFinite(numbers: Float32Array | Float64Array): number | undefined {
  for (const value of numbers) if (!Number.isFinite(value)) return value;
  return undefined;
}

/** The larger of the differences in losses and in gradients, each relative to its norm. */
function difference(actual: Values, expected: Values): number {
  return Math.max(
    relativeDifference(actual.losses, expected.losses),
    relativeDifference(actual.gradient, expected.gradient),
  );
}

function relativeDifference(actual: Float32Array | Float64Array, expected: Float32Array | Float64Array): number {
  let error = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return error === 0 ? 0 : Math.sqrt(error / norm);
}
