/** Held-out evaluation: which functions, and what their scores say. */
import type { RunConfig } from '../shared/config.js';
import type { ChunkScores, EvaluationChunk } from '../shared/messages.js';

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

/** Mean, its standard error, and median; null where not finite. */
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
  // a value that is not a number counts as the worst
  const sorted = values.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)).sort();
  const median = (sorted[(count - 1) >> 1]! + sorted[count >> 1]!) / 2;
  return { mean: finite(mean), standardError: finite(Math.sqrt(variance / count)), median: finite(median) };
}

function finite(value: number): number | null {
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
