/**
 * A run in this thread alone, without bus, pool or journal: the same functions of the same rounds, and so the bits of
 * `lopt train`, without waiting for other threads on a machine that is busy.
 */
import { growthAt, validationHorizon } from '../../coordinator/curriculum.js';
import { heldOutChunks, scoresOf } from '../../coordinator/evaluation.js';
import { initialLearner, type LearnerState, learn } from '../../coordinator/learner.js';
import { digestOf, initialPhiOf, type RunConfig } from '../../shared/config.js';
import type { Decision } from '../../shared/journal/journal.js';
import type { ChunkScores } from '../../shared/messages.js';
import { SumTree, type TreeNode } from '../../shared/sum-tree.js';
import { type Timeline, timelineAt } from '../../shared/timeline.js';
import { advanceShard } from '../../worker/episode.js';
import { evaluateChunk } from '../../worker/evaluate.js';
import type { KeptShard } from '../../worker/resident-shards.js';
import { type Session, sessionOf } from '../../worker/session.js';

/** Trains so many rounds, which are planned from the start. */
export async function trainAlone(config: RunConfig, rounds: number): Promise<LearnerState> {
  const session = await sessionOf({ config, digest: digestOf(config) });
  const held = new Map<number, KeptShard>();
  let state = initialLearner(initialPhiOf(config), config);
  for (let round = 1; round <= rounds; round++) {
    const decisions = await decide(state, session, rounds);
    const root = await computeRound(session, timelineAt(config, state.grown), held, new Float32Array(state.phi), round);
    state = learn(state, { ...root, decisions }, config, 1).state;
  }
  return state;
}

async function computeRound(
  session: Session,
  timeline: Timeline,
  held: Map<number, KeptShard>,
  phi: Float32Array,
  round: number,
): Promise<TreeNode> {
  const { config } = session;
  const { estimator } = session;
  const engine = await session.engine();
  const tree = new SumTree(config.shards, { finite: true });
  for (let shard = 0; shard < config.shards; shard++) {
    const place = timeline.placeOf(round, shard);
    const before = place.window > 0 ? held.get(shard) : undefined;
    const job = { shard, place, missed: [], ...(before && { kept: before }) };
    const { node, kept } = await advanceShard({ engine, estimator, config }, phi, job);
    held.set(shard, kept);
    tree.add(node);
  }
  return tree.root!;
}

/** As the coordinator decides at the close of the round after `state`; evaluations only where a curriculum needs them. */
async function decide(state: LearnerState, session: Session, rounds: number): Promise<Decision[]> {
  const { config } = session;
  const { candidate, round } = state;
  const decisions: Decision[] = state.plannedRounds === null ? [{ type: 'plan', rounds }] : [];
  if (config.curriculum.horizons.length === 0 || candidate?.round !== round + 1 - config.evaluateEvery)
    return decisions;
  const evaluation = {
    type: 'evaluation',
    round: candidate.round,
    score: await scoreOf(candidate.phi, state, session),
  } as const;
  const growth = growthAt(state, evaluation, config);
  return [...decisions, evaluation, ...(growth ? [growth] : [])];
}

async function scoreOf(phi: Float32Array, { grown }: LearnerState, session: Session): Promise<number | null> {
  const { config } = session;
  const engine = await session.engine();
  const horizon = validationHorizon(config, grown.length);
  const request = { seed: config.seed, purpose: 'heldOut', split: 'held-out', horizon } as const;
  const chunks: ChunkScores[] = [];
  for (const chunk of heldOutChunks(config)) {
    chunks.push(await evaluateChunk((rollout) => engine.rollout(phi, rollout), { ...request, ...chunk }));
  }
  return scoresOf(chunks).sum.mean;
}
