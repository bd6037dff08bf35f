/** What it costs a family to come from a user's module: windows of the same quadratics as lopt's own family and as a module. */
import { fileURLToPath } from 'node:url';
import { configure } from '../../deploy/run/train-flags.js';
import { initialPhiOf } from '../../shared/config.js';
import { seedKey } from '../../shared/random.js';
import { ENGINES } from '../../worker/engines/select.js';
import { hessianOf } from '../../worker/problems/derivatives/derivatives.js';
import { loadProblemModule } from '../../worker/problems/modules.js';

// from dist/test/bench
const MODULE = fileURLToPath(new URL('../../../test/fixtures/modules/quadratic-again.ts', import.meta.url));
const PROBLEMS = 64;
const UNROLL = 20;
const WINDOWS = 1000;

/** Computes one window after another of an episode that never ends; returns the milliseconds of each. */
async function prepare(family: string): Promise<() => number> {
  const { config, problems } = await configure('Cannot measure', family, {
    problems: PROBLEMS,
    unroll: UNROLL,
    'second-derivatives': false,
  });
  const engine = await ENGINES.get('wasm')!.create({
    architecture: config.architecture,
    problems,
    derivatives: { gradient: async () => problems.createGradient!(), hessian: () => hessianOf(problems) },
    strict: false,
    secondDerivatives: false,
  });
  const phi = new Float32Array(initialPhiOf(config));
  const state = await engine.begin({ key: seedKey(0), count: PROBLEMS, split: 'train' });
  return () => {
    const start = performance.now();
    engine.window({ phi, state, steps: UNROLL });
    return performance.now() - start;
  };
}

const { name } = await loadProblemModule(MODULE);
const own = await prepare('quadratic');
const module = await prepare(name);
// in turn, and the least of each: what else the machine does meets both alike
let [ownBest, moduleBest] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
for (let window = 0; window < WINDOWS; window++) {
  ownBest = Math.min(ownBest, own());
  moduleBest = Math.min(moduleBest, module());
}
process.stdout.write(
  `a window of ${PROBLEMS} quadratics, ${UNROLL} steps, one thread: ${ownBest.toFixed(2)} ms as lopt's own family, ` +
    `${moduleBest.toFixed(2)} ms as a module: ${((100 * ownBest) / moduleBest).toFixed(1)} % of the pace\n`,
);
