/** What it costs a family to come from a user's module: the same quadratics as lopt's own family and as a module, in turn. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { measureBench } from '../../deploy/bench.js';
import { configure } from '../../deploy/train-flags.js';
import { loadProblemModule } from '../../worker/problems/modules.js';

// from dist/test/bench
const MODULE = fileURLToPath(new URL('../../../test/fixtures/modules/quadratic-again.ts', import.meta.url));
const THREADS = availableParallelism();
const TURNS = 11;
const FLAGS = { shards: 2, problems: 64, unroll: 20 };

const families = ['quadratic', (await loadProblemModule(MODULE)).name] as const;

async function rateOf(family: string): Promise<number> {
  const { config, problems } = await configure('Cannot measure', family, FLAGS);
  const { rows } = await measureBench({ config, problems, threads: THREADS, seconds: 1 });
  return rows.at(-1)!.coordinateStepsPerSecond;
}

const ratios: number[] = [];
for (let turn = 0; turn < TURNS; turn++) {
  const [own, module] = [await rateOf(families[0]), await rateOf(families[1])];
  ratios.push(module / own);
  process.stdout.write(
    `whole rounds, ${THREADS} threads: ${(own / 1e6).toFixed(3)} M coordinate-steps/s as lopt's own, ${(module / 1e6).toFixed(3)} as a module\n`,
  );
}
const median = ratios.sort((a, b) => a - b)[TURNS >> 1]!;
process.stdout.write(`the module has ${(100 * median).toFixed(0)} % of the pace (median of ${TURNS})\n`);
