/** The perturbations of evolution strategies: functions of their place, so that they are never sent and never stored. */
import { deriveKey, fillNormal, foldIn, type Key } from '../../shared/random.js';
import type { EpisodePlace } from './estimator.js';

/** The key of an episode's perturbations. */
function keyOf({ seed, member, shard, episode }: EpisodePlace): Key {
  return deriveKey({ seed, member, shard, episode, purpose: 'perturbation' });
}

/** ε of a window, [length], each number from N(0, σ²). */
export function perturbationOf(place: EpisodePlace, window: number, sigma: number, length: number): Float32Array {
  const epsilon = new Float32Array(length);
  fillNormal(foldIn(keyOf(place), window), epsilon, 0, sigma);
  return epsilon;
}

/** Σ of the ε of an episode's windows, from the first to this one, [length]. */
export function sumOfPerturbations(place: EpisodePlace, window: number, sigma: number, length: number): Float64Array {
  const sum = new Float64Array(length);
  for (let earlier = 0; earlier <= window; earlier++) {
    const epsilon = perturbationOf(place, earlier, sigma, length);
    for (let i = 0; i < length; i++) sum[i]! += epsilon[i]!;
  }
  return sum;
}
