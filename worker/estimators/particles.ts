/** The particles of evolution strategies: φ's trajectories over one shard's problems. */
import type { EvolutionConfig, MetaLossConfig } from '../../shared/estimators/evolution.js';
import { deriveKey } from '../../shared/random.js';
import { cloneShard } from '../engines/clone-shard.js';
import type { DeviceShard, Engine, ShardState, WindowResult } from '../engines/engine.js';
import { type WindowSums, zeroBad } from '../engines/shard.js';
import type { EpisodePlace, WindowPlace, WindowWant } from './estimator.js';
import { cloneLosses, type LeastLosses, noLosses, sumMetaLosses } from './meta-loss.js';

/** A particle between two windows. */
export interface Particle {
  shard: ShardState;
  least: LeastLosses;
}

/** Two particles on the same problems and minibatches, the one under φ + ε and the other under φ − ε. */
export interface Pair {
  plus: Particle;
  minus: Particle;
}

/** A particle at the start of an episode. */
export async function beginParticle(
  engine: Engine,
  { metaLoss }: EvolutionConfig,
  { problems, seed, member, shard, episode }: EpisodePlace,
  { resident = false }: WindowWant = {},
): Promise<Particle> {
  const key = deriveKey({ seed, member, shard, episode, purpose: 'train' });
  const part = metaLoss.split === 'held-out' ? 'inner' : undefined;
  const state = await engine.begin({ key, count: problems, split: 'train', part, resident });
  return { shard: state, least: noLosses(metaLoss, problems) };
}

/** A pair at the start of an episode: two times the same state. */
export async function beginPair(
  engine: Engine,
  config: EvolutionConfig,
  episode: EpisodePlace,
  want?: WindowWant,
): Promise<Pair> {
  const begin = () => beginParticle(engine, config, episode, want);
  return { plus: await begin(), minus: await begin() };
}

/** A pair that starts from a particle, which must not be on a device and stays as it is. */
export function pairFrom({ shard, least }: Particle): Pair {
  const copy = () => ({ shard: cloneShard(shard), least: cloneLosses(least) });
  return { plus: copy(), minus: copy() };
}

/** The parts of a pair that are on a device. */
export function devicesOf({ plus, minus }: Pair): DeviceShard[] {
  return [plus, minus].flatMap(({ shard: { device } }) => (device ? [device] : []));
}

/** A particle after a window, and the sums of the window. */
interface AdvancedParticle {
  particle: Particle;
  sums: WindowSums;
}

/** Computes the next window of a particle under φ. */
export async function advanceParticle(
  engine: Engine,
  { metaLoss }: EvolutionConfig,
  phi: Float32Array,
  { shard, least }: Particle,
  place: WindowPlace,
  want: WindowWant,
): Promise<AdvancedParticle> {
  const { state, losses, scores = losses } = await runWindow(engine, metaLoss, phi, shard, place, want);
  return { particle: { shard: state, least }, sums: sumMetaLosses(metaLoss, state, scores, least) };
}

/** A pair after a window. */
interface AdvancedPair {
  pair: Pair;
  /** The means of both particles' sums, over the problems that are healthy in both. */
  sums: WindowSums;
  /** L⁺ − L⁻. */
  difference: number;
}

/**
 * Computes the next window of a pair, under φ + ε and φ − ε. A problem that went bad in one particle is bad in both from
 * then on, and its losses of this window count in neither.
 *
 * @param epsilon ε, [phiLength]
 */
export async function advancePair(
  engine: Engine,
  { metaLoss }: EvolutionConfig,
  phi: Float32Array,
  epsilon: Float32Array,
  { plus, minus }: Pair,
  place: WindowPlace,
  want: WindowWant,
): Promise<AdvancedPair> {
  const under = (sign: 1 | -1) => phi.map((value, i) => value + sign * epsilon[i]!);
  const above = await runWindow(engine, metaLoss, under(1), plus.shard, place, want);
  const below = await runWindow(engine, metaLoss, under(-1), minus.shard, place, want);
  mergeHealth(above.state, below.state);
  const sumsOf = ({ state, losses, scores = losses }: WindowResult, { least }: Particle) =>
    sumMetaLosses(metaLoss, state, scores, least);
  const [high, low] = [sumsOf(above, plus), sumsOf(below, minus)];
  return {
    pair: { plus: { ...plus, shard: above.state }, minus: { ...minus, shard: below.state } },
    sums: {
      loss: (high.loss + low.loss) / 2,
      finalLoss: (high.finalLoss + low.finalLoss) / 2,
      healthy: high.healthy,
    },
    difference: high.loss - low.loss,
  };
}

function runWindow(
  engine: Engine,
  { split }: MetaLossConfig,
  phi: Float32Array,
  state: ShardState,
  { steps, horizon, told = horizon }: WindowPlace,
  { resident }: WindowWant,
): Promise<WindowResult> {
  const scorePart = split === 'held-out' ? 'outer' : undefined;
  return engine.window({ phi, state, steps, horizon: told, forwardOnly: true, resident, scorePart });
}

/** Marks the problems that are bad in one of two shards as bad in both, and zeroes what is left of them. */
function mergeHealth(first: ShardState, second: ShardState): void {
  for (let p = 0; p < first.count; p++) {
    const both = first.healthy[p]! & second.healthy[p]!;
    first.healthy[p] = both;
    second.healthy[p] = both;
  }
  // on a device, the engine zeroes them at the end of the next window
  for (const state of [first, second]) {
    zeroBad(state, state.theta);
    zeroBad(state, state.gradient);
  }
}

/**
 * The antithetic estimate (L⁺ − L⁻)/(2σ²)·direction, [phiLength] (Vicol, Metz and Sohl-Dickstein 2021, arXiv
 * 2112.13835, section 3 and algorithm 2).
 */
export function slopeAlong(difference: number, sigma: number, direction: ArrayLike<number>): Float32Array {
  const slope = difference / (2 * sigma * sigma);
  return Float32Array.from(direction, (value) => slope * value);
}
