/** The learner: what a round's sum does to φ. Recovery applies the same function to the journalled sums. */
import type { RunConfig } from '../shared/config.js';
import type { Decision, JournalRecord } from '../shared/journal/journal.js';
import type { TreeNode } from '../shared/sum-tree.js';
import { type AdamState, chain, clipByGlobalNorm, globalNorm, scaleByAdam, scaleByRate } from './outer-optimizer.js';
import { learningRateAt } from './schedule.js';

/** The φ of some round, and how it scored. */
export interface ScoredPhi {
  round: number;
  /** Mean of Σ_{t<T} f(θ_t) over the held-out functions; lower is better; null if not finite. */
  score: number | null;
  phi: Float32Array;
}

/** Everything that the outer loop carries from round to round. */
export interface LearnerState {
  /** n: φ is φ_n. */
  round: number;
  phi: Float64Array;
  outer: [null, AdamState, null];
  /** Decided once; null before. */
  plannedRounds: number | null;
  /** Of the engine, from the first round on. */
  fingerprint: string | null;
  best: ScoredPhi | null;
  /** φ of the last evaluation round, until its score acts. */
  candidate: { round: number; phi: Float32Array } | null;
  /** The rounds after which the horizon grew. */
  grown: readonly number[];
}

/** What goes into round n. */
export type RoundInput = Pick<TreeNode, 'metaGradient' | 'healthy' | 'problems' | 'loss' | 'finalLoss'> & {
  decisions: readonly Decision[];
};

/** The state before round 1. */
export function initialLearner(phi: Float64Array, config: RunConfig): LearnerState {
  return {
    round: 0,
    phi,
    outer: optimizerOf(config, null).init(phi.length),
    plannedRounds: null,
    fingerprint: null,
    best: null,
    candidate: { round: 0, phi: new Float32Array(phi) },
    grown: [],
  };
}

function optimizerOf({ outer }: RunConfig, plannedRounds: number | null) {
  return chain(
    clipByGlobalNorm(outer.clip),
    scaleByAdam(outer),
    scaleByRate((round) => learningRateAt(round, plannedRounds, outer)),
  );
}

/** The first record of a journal: φ_0, or the φ that a fork begins with. */
export function firstRecord(state: LearnerState, term: number): JournalRecord {
  return {
    round: state.round,
    term,
    phi: new Float32Array(state.phi),
    metaGradient: new Float32Array(0),
    healthy: 0,
    problems: 0,
    loss: 0,
    finalLoss: 0,
    learningRate: 0,
    skipped: false,
    decisions: [],
  };
}

/** The outer step of round state.round + 1: the state after it, its record, and the norm of the averaged meta-gradient. */
export function learn(
  state: LearnerState,
  input: RoundInput,
  config: RunConfig,
  term: number,
): { state: LearnerState; record: JournalRecord; metaGradientNorm: number } {
  const round = state.round + 1;
  const decided = input.decisions.reduce(follow, state);
  const average = new Float64Array(state.phi.length);
  const { metaGradient: sum } = input;
  for (let i = 0; i < average.length; i++) average[i] = sum[i]! / input.healthy;
  const metaGradientNorm = globalNorm(average);
  const skipped = input.healthy === 0 || !Number.isFinite(metaGradientNorm);
  let { phi, outer } = state;
  if (!skipped) {
    const step = optimizerOf(config, decided.plannedRounds).update(average, outer, round);
    phi = step.updates;
    for (let i = 0; i < phi.length; i++) phi[i] = state.phi[i]! + phi[i]!;
    outer = step.state;
  }
  const rounded = new Float32Array(phi);
  const candidate = round % config.evaluateEvery === 0 ? { round, phi: rounded } : decided.candidate;
  const { metaGradient, healthy, problems, loss, finalLoss, decisions } = input;
  return {
    state: { ...decided, round, phi, outer, candidate },
    record: {
      round,
      term,
      phi: rounded,
      metaGradient,
      healthy,
      problems,
      loss,
      finalLoss,
      learningRate: learningRateAt(round, decided.plannedRounds, config.outer),
      skipped,
      decisions,
    },
    metaGradientNorm,
  };
}

/** The state in which a decision holds. */
function follow(state: LearnerState, decision: Decision): LearnerState {
  if (decision.type === 'plan') return { ...state, plannedRounds: decision.rounds };
  if (decision.type === 'engine') return { ...state, fingerprint: decision.fingerprint };
  // another horizon has other scores: what was best does not count any more
  if (decision.type === 'horizon') return { ...state, best: null, grown: [...state.grown, state.round + 1] };
  if (state.candidate?.round !== decision.round) return state;
  const scored = { ...state.candidate, score: decision.score };
  return { ...state, candidate: null, best: better(state.best, scored) };
}

/** The better of two; the earlier one if they score the same. */
export function better(best: ScoredPhi | null, candidate: ScoredPhi): ScoredPhi {
  if (!best || best.score === null) return candidate.score === null && best ? best : candidate;
  return candidate.score !== null && candidate.score < best.score ? candidate : best;
}
