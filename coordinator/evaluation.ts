/** Held-out evaluation: which functions, and what their scores say. */
import type { RunConfig } from '../shared/config.js';
import type { ChunkScores, EvaluationChunk } from '../shared/messages.js';
import { ascending, quantile } from './quantiles.js';

/** The chunks of an evaluation of `functions` functions: a function's draw depends on its chunk, so the size is fixed. */
export function chunksOf(functions: number, chunkSize: number): EvaluationChunk[] {
  return Array.from({ length: Math.ceil(functions / chunkSize) }, (_, chunk) => ({
    chunk,
    count: Math.min(chunkSize, functions - chunk * chunkSize),
  }));
}

/** The chunks of a run's held-out evaluation: as many functions each as a shard has problems. */
export function heldOutChunks({ evaluateFunctions, problems }: RunConfig): EvaluationChunk[] {
  return chunksOf(evaluateFunctions, problems);
}

/** Mean, its standard error, and median; null if not finite. */
export interface Statistics {
  mean: number | null;
  standardError: number | null;
  median: number | null;
}

/** Statistics over functions. */
export function statisticsOf(values: Float64Array): Statistics {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, count - 1);
  const median = quantile(ascending(values), 0.5);
  return {
    mean: finiteOrNull(mean),
    standardError: finiteOrNull(Math.sqrt(variance / count)),
    median: finiteOrNull(median),
  };
}

/** The value as JSON can hold it. */
export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** An optimizer's scores over all functions. */
export interface Scores {
  sum: Statistics;
  final: Statistics;
  /** Share of functions with a non-finite value, or f(θ_T) above f(θ_0). */
  divergenceRate: number;
}

/** Puts the chunks of an evaluation together, by chunk. */
export function scoresOf(chunks: readonly ChunkScores[]): Scores {
  const ordered = [...chunks].sort((a, b) => a.chunk - b.chunk);
  const join = (part: 'initial' | 'sum' | 'final') => Float64Array.from(ordered.flatMap((chunk) => [...chunk[part]]));
  const initial = join('initial');
  const sum = join('sum');
  const final = join('final');
  let diverged = 0;
  for (let i = 0; i < initial.length; i++) {
    if (!Number.isFinite(sum[i]!) || !Number.isFinite(final[i]!) || final[i]! > initial[i]!) diverged += 1;
  }
  return { sum: statisticsOf(sum), final: statisticsOf(final), divergenceRate: diverged / initial.length };
}
