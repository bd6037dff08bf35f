/** The rules of architecture `mlp` beside published implementations, and what they promise of scales. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { MlpConfig } from '../../shared/architectures/mlp.js';
import { initialPhi } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import { type CoordinateLayout, coordinatesIn, stateLengths } from '../../worker/architectures/layout.js';
import { mlpStep } from '../../worker/architectures/mlp/definition.js';
import { Draws } from '../fixtures/random-draws.js';

/** What mlp_rules.py prints. */
interface Recorded {
  shapes: number[][];
  theta: number[];
  gradients: number[][];
}

interface RecordedRule {
  phi: number[];
  thetas: number[][];
}

const url = new URL('../../../test/fixtures/mlp_rules.json', import.meta.url);
const recorded = JSON.parse(readFileSync(url, 'utf8')) as Recorded & Record<string, RecordedRule>;

function configOf(changes: Partial<MlpConfig>): MlpConfig {
  const defaults = { units: [8, 8], stepScale: 1, schedule: 'own', orthogonalise: false } as const;
  return { type: 'mlp', rule: 'general', ...defaults, ...changes };
}

/** θ after each step of the definition. */
function stepsOf(
  config: MlpConfig,
  phi: Float64Array,
  { layout, theta, gradients }: { layout: CoordinateLayout; theta: Float64Array; gradients: readonly Float64Array[] },
  horizon: number,
): Float64Array[] {
  let state: readonly Float64Array[] = stateLengths(config, layout).map((length) => new Float64Array(length));
  let point = theta;
  return gradients.map((gradient, step) => {
    const next = mlpStep(config, phi, { gradient, theta: point, layout, clock: { step, horizon } }, state);
    state = next.state;
    point = point.map((value, i) => value + next.updates[i]!);
    return point;
  });
}

describe('the rules of published learned optimizers', () => {
  const cases: [string, MlpConfig][] = [
    ['small-fc', configOf({ rule: 'small-fc', units: [4, 4] })],
    ['celo2', configOf({ rule: 'celo2', schedule: 'constant' })],
    ['celo2, orthogonal', configOf({ rule: 'celo2', schedule: 'constant', orthogonalise: true })],
  ];
  for (const [name, config] of cases) {
    it(`steps as PyLO's plain implementation does: ${name}`, () => {
      const { shapes, theta, gradients } = recorded;
      const { phi, thetas } = recorded[name]!;
      const problem = {
        layout: { problems: 1, tensors: shapes },
        theta: Float64Array.from(theta),
        gradients: gradients.map((gradient) => Float64Array.from(gradient)),
      };
      const own = stepsOf(config, Float64Array.from(phi), problem, 0);
      own.forEach((point, step) => {
        const before = step === 0 ? problem.theta : Float64Array.from(thetas[step - 1]!);
        point.forEach((value, i) => {
          const update = thetas[step]![i]! - before[i]!;
          const error = Math.abs(value - thetas[step]![i]!);
          assert.ok(
            error <= 1e-6 * Math.abs(update) + 1e-12,
            `step ${step}, coordinate ${i}: ${value - before[i]!}, ${update}`,
          );
        });
      });
    });
  }
});

describe('rule general', () => {
  const config = configOf({});
  const layout = { problems: 1, tensors: [[6, 4], [4], [4, 9]] };
  const draws = new Draws(3);
  const count = coordinatesIn(layout);
  const theta = Float64Array.from(draws.normal(count, 0.2));
  const gradients = Array.from({ length: 6 }, () => Float64Array.from(draws.normal(count, 0.01)));
  const noise = draws.normal(500, 0.2);
  const phi = initialPhi(config, seedKey(5)).map((value, i) => value + noise[i % 500]!);

  it('is Adam with a cosine schedule, relative to the scale of every tensor, when it is not trained', () => {
    const untrained = initialPhi(config, seedKey(5));
    const horizon = 40;
    const points = stepsOf(config, untrained, { layout, theta, gradients }, horizon);
    let at = 0;
    for (const shape of layout.tensors) {
      const length = shape.reduce((product, size) => product * size, 1);
      const own = (values: Float64Array) => values.subarray(at, at + length);
      const size = Math.sqrt(own(theta).reduce((sum, value) => sum + value * value, 0) / length);
      const scale = shape.length > 1 ? size : Math.max(size, 0.1);
      const [mean, square] = [new Float64Array(length), new Float64Array(length)];
      gradients.forEach((gradient, t) => {
        const direction = own(gradient).map((value, i) => {
          mean[i] = 0.9 * mean[i]! + 0.1 * value;
          square[i] = 0.95 * square[i]! + 0.05 * value * value;
          return mean[i]! / (1 - 0.9 ** (t + 1));
        });
        const corrected = square.map((value) => value / (1 - 0.95 ** (t + 1)));
        // ε is relative to the tensor
        const epsilon = (1e-8 * corrected.reduce((sum, value) => sum + value, 0)) / length;
        for (let i = 0; i < length; i++) direction[i]! /= Math.sqrt(corrected[i]! + epsilon);
        const norm = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0) / length);
        const rate = 0.1 * scale * 0.5 * (1 + Math.cos((Math.PI * t) / horizon));
        const before = own(t === 0 ? theta : points[t - 1]!);
        direction.forEach((value, i) => {
          const update = own(points[t]!)[i]! - before[i]!;
          assert.ok(Math.abs(update + (rate * value) / norm) < 1e-6 * scale, `tensor ${shape}, step ${t}`);
        });
      });
      at += length;
    }
  });

  it('takes the same steps whatever the scale of the loss', () => {
    const points = stepsOf(config, phi, { layout, theta, gradients }, 40);
    for (const factor of [1e4, 1e-4]) {
      const scaled = gradients.map((gradient) => gradient.map((value) => factor * value));
      const others = stepsOf(config, phi, { layout, theta, gradients: scaled }, 40);
      others.forEach((other, t) => {
        other.forEach((value, i) => {
          assert.ok(Math.abs(value - points[t]![i]!) < 1e-7, `factor ${factor}, step ${t}`);
        });
      });
    }
  });

  it('takes steps in proportion to a matrix whose θ is scaled', () => {
    const factor = 30;
    const [first] = layout.tensors;
    const length = first![0]! * first![1]!;
    const stretched = theta.map((value, i) => (i < length ? factor * value : value));
    const shrunk = gradients.map((gradient) => gradient.map((value, i) => (i < length ? value / factor : value)));
    const points = stepsOf(config, phi, { layout, theta, gradients }, 40);
    const others = stepsOf(config, phi, { layout, theta: stretched, gradients: shrunk }, 40);
    others.forEach((other, t) => {
      other.forEach((value, i) => {
        const expected = i < length ? factor * points[t]![i]! : points[t]![i]!;
        assert.ok(Math.abs(value - expected) < 1e-6 * factor, `step ${t}, coordinate ${i}`);
      });
    });
  });
});
