/**
 * The streams of randomness within an episode's key. A stream is folded in before the problem's index, so that no two
 * streams share a key. The numbers are part of every result: add, never renumber.
 */
import { foldIn, type Key } from '../../shared/random.js';

const STREAM = {
  theta: 1,
  data: 2,
  minibatch: 3,
  family: 4,
  scale: 5,
  alternatives: 6,
  labels: 7,
  inversion: 8,
  problemScale: 9,
  tensorScale: 10,
  lossScale: 11,
} as const;

/** The key of one stream of problem p. */
export function streamKey(key: Key, stream: keyof typeof STREAM, problem: number): Key {
  return foldIn(foldIn(key, STREAM[stream]), problem);
}
