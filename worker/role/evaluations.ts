/** Chunks of evaluations: what is computed of them. */
import type { ChunkScores, EvaluateMessage } from '../../shared/messages.js';
import type { Chunk, WorkerState } from './state.js';
import { type Action, type ScoreWork, type Step, step } from './step.js';

/**
 * Computes chunks on held-out functions. One that is asked for again was lost on the way, or is still being computed: it is
 * never computed twice. What was computed of earlier evaluations is forgotten.
 */
export function evaluate(state: WorkerState, message: EvaluateMessage): Step {
  const { run } = state;
  if (!run) return step(state);
  const { round, phi, horizon = run.config.horizon } = message;
  const { digest, config } = run;
  const chunks = state.chunks.filter((known) => known.round >= round || known.scores === undefined);
  const actions: Action[] = [];
  for (const asked of message.chunks) {
    const index = indexOf(chunks, round, asked.chunk);
    const known = chunks[index];
    if (known?.scores) {
      actions.push(answer(state, digest, round, known.scores));
    } else if (!known) {
      chunks.push({ round, chunk: asked.chunk, scores: undefined });
      const request = { seed: config.seed, purpose: 'heldOut', split: 'held-out', horizon, ...asked } as const;
      const task = { session: { digest, config }, optimizer: { phi }, request };
      actions.push({ type: 'start', work: { type: 'score', term: state.term, round, task } });
    }
  }
  return step({ ...state, chunks }, actions);
}

/** Answers with a chunk that is computed now, unless another term has begun: its φ of this round may be another one. */
export function scored(state: WorkerState, { term, round, task }: ScoreWork, scores: ChunkScores): Step {
  const { digest } = task.session;
  const index = indexOf(state.chunks, round, task.request.chunk);
  const known = state.chunks[index];
  if (digest !== state.run?.digest || term !== state.term || !known || known.scores) return step(state);
  const chunks = state.chunks.with(index, { ...known, scores });
  return step({ ...state, chunks }, [answer(state, digest, round, scores)]);
}

function answer({ settings }: WorkerState, digest: string, round: number, scores: ChunkScores): Action {
  return { type: 'send', message: { type: 'evaluation', worker: settings.id, digest, round, scores } };
}

function indexOf(chunks: readonly Chunk[], round: number, chunk: number): number {
  return chunks.findIndex((known) => known.round === round && known.chunk === chunk);
}
