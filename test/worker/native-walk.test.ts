/** The hand-designed optimizers in C against those in JavaScript: equal to the last bit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillNormal, seedKey } from '../../shared/random.js';
import { nativeWalk } from '../../worker/baselines/native/native-walk.js';
import { walksOf } from '../../worker/baselines/optimizer.js';
import { BASELINES, type BaselineName } from '../../worker/baselines/registry.js';
import { instructionSets, nativeFault } from '../../worker/devices/native/load.js';
import { setVariable } from '../fixtures/environment.js';

const STEPS = 60;
/** No multiple of any register's lanes. */
const COORDINATES = 101;
const EDGES = [0, -0, 1e-45, -1e-30, 1e30, -3e38, Number.POSITIVE_INFINITY, Number.NaN];

/** Gradients of a step: ordinary ones of several sizes, some that keep their sign, and edges. */
function gradientOf(step: number): Float32Array {
  const gradient = new Float32Array(COORDINATES);
  fillNormal(seedKey(step >> 1), gradient, 0, [1, 1e-4, 100][step % 3]!);
  if (step % 4 !== 3) return gradient;
  for (const [i, edge] of EDGES.entries()) gradient[7 * i + (step % 7)] = edge;
  return gradient;
}

describe('nativeWalk()', { skip: nativeFault() }, () => {
  const sets = nativeFault() === undefined ? instructionSets() : [];
  for (const name of Object.keys(BASELINES) as BaselineName[]) {
    for (const set of sets) {
      it(`takes the steps of ${name}: ${set}`, (test) => {
        setVariable(test, 'LOPT_NATIVE', set);
        for (const learningRate of [0.3, 1e-3]) {
          const walks = [nativeWalk(name, learningRate), walksOf(BASELINES[name]({ learningRate }))];
          const steps = walks.map((begin) => begin(COORDINATES));
          const thetas = walks.map(() => new Float32Array(COORDINATES).fill(0.5));
          for (let t = 0; t < STEPS; t++) {
            for (const [i, step] of steps.entries()) step(gradientOf(t), thetas[i]!);
            assert.deepEqual(thetas[0], thetas[1], `step ${t}`);
          }
          assert.ok(thetas[0]!.some((x) => Number.isFinite(x) && x !== 0.5));
        }
      });
    }
  }
});
