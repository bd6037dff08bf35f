/** Tuned hand-designed optimizers on a run's held-out functions: the baselines for φ. */
import { tuneLearningRate } from '../../coordinator/comparison.js';
import { chunksOf, heldOutChunks, type Scores, scoresOf } from '../../coordinator/evaluation.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import type { EvaluationChunk } from '../../shared/messages.js';
import { typicalHorizon } from '../../shared/timeline.js';
import { BASELINES, type BaselineName } from '../../worker/baselines/registry.js';
import type { EvaluationRequest } from '../../worker/evaluate.js';
import { Pool } from '../../worker/pool.js';
import type { Baseline } from './live-data.js';

/** Functions to tune learning rates on: few, to leave the machine to the run. */
const TUNE_FUNCTIONS = 64;

/** Measures every hand-designed optimizer in one low-priority thread. Rejects with the signal's reason if aborted. */
export async function measureBaselines(config: RunConfig, signal: AbortSignal): Promise<Baseline[]> {
  const pool = new Pool(1, { background: true });
  const onAbort = () => void pool.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const measure = measureOn(pool, config);
    const baselines: Baseline[] = [];
    for (const name of Object.keys(BASELINES) as BaselineName[]) {
      signal.throwIfAborted();
      baselines.push(await tuned(name, config, measure));
    }
    return baselines;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await pool.close();
  }
}

type Functions = Pick<EvaluationRequest, 'purpose' | 'split'> & { chunks: readonly EvaluationChunk[] };
type Measure = (name: BaselineName, learningRate: number, functions: Functions) => Promise<Scores>;

function measureOn(pool: Pool, config: RunConfig): Measure {
  const session = { digest: digestOf(config), config };
  const { seed } = config;
  const horizon = typicalHorizon(config);
  return async (name, learningRate, { chunks, ...functions }) => {
    const measured = chunks.map((chunk) =>
      pool.evaluate({ session, optimizer: { name, learningRate }, request: { seed, horizon, ...functions, ...chunk } }),
    );
    return scoresOf(await Promise.all(measured));
  };
}

async function tuned(name: BaselineName, config: RunConfig, measure: Measure): Promise<Baseline> {
  const count = Math.min(TUNE_FUNCTIONS, config.evaluateFunctions);
  const tuning = { purpose: 'tune', split: 'train', chunks: chunksOf(count, config.problems) } as const;
  const heldOut = { purpose: 'heldOut', split: 'held-out', chunks: heldOutChunks(config) } as const;
  const rates = await tuneLearningRate((rate) => measure(name, rate, tuning));
  const [sum, final] = [
    await scoresAt(rates.sum, (rate) => measure(name, rate, heldOut)),
    await scoresAt(rates.final, (rate) => measure(name, rate, heldOut)),
  ];
  const none = { mean: null, standardError: null, median: null };
  return {
    name,
    sum: { learningRate: rates.sum, ...(sum?.sum ?? none) },
    final: { learningRate: rates.final, ...(final?.final ?? none) },
  };
}

function scoresAt(rate: number | null, measure: (rate: number) => Promise<Scores>): Promise<Scores | undefined> {
  return rate === null ? Promise.resolve(undefined) : measure(rate);
}
