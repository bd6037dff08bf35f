/** Compares φ with the hand-designed optimizers on this machine's threads. */
import { type ComparedOptimizer, compare, type ScoresAndCurve } from '../../coordinator/comparison.js';
import { curveOf, curveSteps } from '../../coordinator/curve.js';
import { chunksOf, type Scores, scoresOf } from '../../coordinator/evaluation.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import type { ChunkScores } from '../../shared/messages.js';
import type { Purpose } from '../../shared/random.js';
import { typicalHorizon } from '../../shared/timeline.js';
import { BASELINES, type BaselineName } from '../../worker/baselines/registry.js';
import type { Pool } from '../../worker/pool.js';
import type { Split } from '../../worker/problems/problem.js';
import type { EvaluateTask } from '../../worker/tasks.js';

/** What to compare, and on what. */
export interface CompareOptions {
  /** Problem, network and engine; other settings are ignored. */
  config: RunConfig;
  phi: Float32Array;
  pool: Pool;
  /** Fresh functions for the comparison. */
  functions: number;
  /** Functions of the training distribution for tuning. */
  tuneFunctions: number;
  /** Functions per task. */
  chunk: number;
  seed: number;
  /** The hand-designed optimizers to compare with. @default all */
  against?: readonly BaselineName[];
  onRow?: (row: ComparedOptimizer) => void;
}

/** The learned optimizer and the hand-designed ones, each at its best learning rates. */
export function compareOnPool(options: CompareOptions): Promise<ComparedOptimizer[]> {
  const { config, phi, pool, functions, tuneFunctions, chunk, seed, onRow } = options;
  const session = { digest: digestOf(config), config };
  const horizon = typicalHorizon(config);
  const steps = curveSteps(horizon);
  function measure(
    optimizer: EvaluateTask['optimizer'],
    count: number,
    functionsOf: { purpose: Purpose; split: Split; curveSteps?: readonly number[] },
  ): Promise<ChunkScores[]> {
    const chunks = chunksOf(count, chunk).map((part) =>
      pool.evaluate({ session, optimizer, request: { seed, horizon, ...functionsOf, ...part } }),
    );
    return Promise.all(chunks);
  }
  async function onFresh(optimizer: EvaluateTask['optimizer']): Promise<ScoresAndCurve> {
    const chunks = await measure(optimizer, functions, { purpose: 'evaluate', split: 'test', curveSteps: steps });
    return { ...scoresOf(chunks), curve: curveOf(chunks, steps) };
  }
  async function onTuning(optimizer: EvaluateTask['optimizer']): Promise<Scores> {
    return scoresOf(await measure(optimizer, tuneFunctions, { purpose: 'tune', split: 'train' }));
  }
  const handDesigned = (name: string, learningRate: number) => ({ name: name as BaselineName, learningRate });
  return compare(
    options.against ?? Object.keys(BASELINES),
    {
      learned: () => onFresh({ phi }),
      tune: (name, rate) => onTuning(handDesigned(name, rate)),
      fresh: (name, rate) => onFresh(handDesigned(name, rate)),
    },
    onRow,
  );
}
