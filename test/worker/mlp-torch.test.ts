/** The exported perceptron in a real PyTorch, against its definition. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MLP_RULES, type MlpConfig } from '../../shared/architectures/mlp.js';
import { initialPhi } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import { stateLengths } from '../../worker/architectures/layout.js';
import { mlpStep } from '../../worker/architectures/mlp/definition.js';
import { encodeTorch } from '../../worker/architectures/mlp/torch.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { hasPython, runPython } from '../fixtures/python.js';
import { Draws } from '../fixtures/random-draws.js';

const SHAPES = [[6, 3], [3], [4, 4], [3, 8]];
const SIZE = SHAPES.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);

describe('PyTorch', () => {
  it('takes the steps of the definition with an exported perceptron, also after it was saved and loaded', (test) => {
    if (!hasPython(test, 'torch')) return;
    const folder = temporaryFolder(test);
    const draws = new Draws(4);
    const cases = MLP_RULES.flatMap((rule) =>
      [null, 9].map((steps) => {
        const units = [8, 3];
        const orthogonalise = rule === 'celo2' && steps === null;
        const config: MlpConfig = { type: 'mlp', rule, units, stepScale: 2, schedule: 'own', orthogonalise };
        const phi = new Float32Array(initialPhi(config, seedKey(2)));
        draws.normal(phi.length, 0.1).forEach((value, i) => {
          phi[i]! += value;
        });
        const module = join(folder, `${rule.replace('-', '_')}_${steps}.py`);
        writeFileSync(module, encodeTorch(config, phi));
        const gradients = Array.from({ length: 6 }, () => [...draws.normal(SIZE, 0.3)]);
        return { config, phi, module, shapes: SHAPES, steps, theta: [...draws.normal(SIZE, 0.2)], gradients };
      }),
    );
    const path = join(folder, 'cases.json');
    writeFileSync(path, JSON.stringify(cases.map(({ config: _config, phi: _phi, ...asked }) => asked)));
    const answers = runPython('torch_tensors.py', path) as { thetas: number[][]; resumed: number[][] }[];
    cases.forEach(({ config, phi, steps, theta, gradients }, index) => {
      const { thetas, resumed } = answers[index]!;
      const layout = { problems: 1, tensors: SHAPES };
      let state: readonly Float64Array[] = stateLengths(config, layout).map((length) => new Float64Array(length));
      let point = Float64Array.from(theta);
      gradients.forEach((gradient, step) => {
        const input = { gradient: Float64Array.from(gradient), theta: point, layout };
        const next = mlpStep(config, Float64Array.from(phi), { ...input, clock: { step, horizon: steps ?? 0 } }, state);
        state = next.state;
        point = point.map((value, i) => value + next.updates[i]!);
        const largest = Math.max(...next.updates.map(Math.abs));
        point.forEach((value, i) => {
          const error = Math.abs(value - thetas[step]![i]!);
          assert.ok(error < 1e-9 * largest, `${config.rule}, step ${step}, coordinate ${i}: ${error} of ${largest}`);
        });
      });
      assert.deepEqual(resumed, thetas, config.rule);
    });
  });
});
