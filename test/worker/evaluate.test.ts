import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walksOf } from '../../worker/baselines/optimizer.js';
import { sgd } from '../../worker/baselines/sgd.js';
import { type RolloutRequest, rollout } from '../../worker/engines/rollout.js';
import { evaluateChunk } from '../../worker/evaluate.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';

const family = familyNamed('quadratic');
const problems = await family.configure(optionValues(family, { dimension: 1 }));
const gradient = problems.createGradient!();
const descend = (functions: RolloutRequest) =>
  rollout(walksOf(sgd({ learningRate: 0.03 })), problems, gradient, functions);
const request = { seed: 3, purpose: 'evaluate', split: 'test', chunk: 2, count: 5, horizon: 12 } as const;
const every = Array.from({ length: 13 }, (_, t) => t);

test('evaluateChunk() keeps the losses of the steps that are asked for', async () => {
  const { curve, initial, sum, final } = await evaluateChunk(descend, {
    ...request,
    curveSteps: every,
  });
  const row = (t: number) => curve!.subarray(t * 5, (t + 1) * 5);
  assert.equal(curve!.length, 13 * 5);
  assert.deepEqual([row(0), row(12)], [initial, final]);
  for (let p = 0; p < 5; p++) {
    const summed = every.slice(0, -1).reduce((total, t) => total + row(t)[p]!, 0);
    assert.equal(summed, sum[p]);
    // gradient descent on (wθ − y)² shrinks the loss by the same factor, (1 − 2ηw²)², at every step
    for (let t = 1; t < 12 && row(t + 1)[p]! > 1e-6; t++) {
      const [before, now, after] = [row(t - 1)[p]!, row(t)[p]!, row(t + 1)[p]!];
      assert.ok(Math.abs((before * after) / now ** 2 - 1) < 1e-3, `function ${p}, step ${t}`);
    }
  }
});

test('evaluateChunk() gives the same losses whichever of them are kept', async () => {
  const measure = (curveSteps?: number[]) =>
    evaluateChunk(descend, { ...request, ...(curveSteps ? { curveSteps } : {}) });
  const whole = await measure(every);
  const part = await measure([0, 5, 11, 12]);
  const rows = [0, 5, 11, 12].flatMap((t) => [...whole.curve!.subarray(t * 5, (t + 1) * 5)]);
  assert.deepEqual([...part.curve!], rows);
  const { curve, ...scores } = whole;
  assert.deepEqual(await measure(), scores);
  assert.deepEqual(part.final, whole.final);
  assert.ok(curve);
});
