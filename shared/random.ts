/**
 * Counter-based randomness: Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"). A draw is a pure function of a key and a counter, so any thread of any worker draws the same problem.
 * Keys are passed and folded; there is no hidden state.
 */
import { cosTurns, log, sinTurns } from './elementary.js';

/** A key: two unsigned 32-bit integers. */
export type Key = readonly [number, number];

/** What a stream of randomness is for. The numbers are part of every result: add, never renumber. */
export const PURPOSE = {
  initialPhi: 1,
  train: 2,
  heldOut: 3,
  tune: 4,
  evaluate: 5,
  check: 6,
  probe: 7,
  doubleComputation: 8,
  unroll: 20,
  imitation: 21,
  perturbation: 22,
  horizon: 23,
  toldHorizon: 24,
} as const;

export type Purpose = keyof typeof PURPOSE;

/** What identifies an episode of a shard, and so all of its randomness. */
export interface DrawId {
  seed: number;
  member: number;
  shard: number;
  episode: number;
  purpose: Purpose;
}

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const block = new Uint32Array(2);

/** Encrypts the counter (c0, c1) into the module's `block`: callers read it before the next call. */
function threefry(key: Key, c0: number, c1: number): void {
  const k0 = key[0];
  const k1 = key[1];
  const k2 = 0x1bd11bda ^ k0 ^ k1;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  for (let group = 0; group < 5; group++) {
    for (let i = 0; i < 4; i++) {
      const rotation = ROTATIONS[((group & 1) << 2) + i]!;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    }
    const step = group + 1;
    x0 = (x0 + (step % 3 === 0 ? k0 : step % 3 === 1 ? k1 : k2)) | 0;
    x1 = (x1 + (step % 3 === 0 ? k1 : step % 3 === 1 ? k2 : k0) + step) | 0;
  }
  block[0] = x0;
  block[1] = x1;
}

/** Threefry-2x32-20 of a counter under a key. */
export function threefry2x32(key: Key, counter: Key): Key {
  threefry(key, counter[0], counter[1]);
  return [block[0]!, block[1]!];
}

/** The key of a seed: any non-negative safe integer. */
export function seedKey(seed: number): Key {
  return [Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0];
}

/** A new key from a key and a number (unsigned, 32 bits): how keys are split. */
export function foldIn(key: Key, data: number): Key {
  return threefry2x32(key, [0, data]);
}

/** The key of everything that is drawn for one episode of one shard. */
export function deriveKey(id: DrawId): Key {
  let key = foldIn(seedKey(id.seed), PURPOSE[id.purpose]);
  for (const part of [id.member, id.shard, id.episode]) key = foldIn(key, part);
  return key;
}

/** One draw from [0, 1), of 32 random bits. */
export function uniform(key: Key): number {
  threefry(key, 0, 0);
  return block[0]! / 2 ** 32;
}

/**
 * Fills `out` with uniform draws from [low, high), of 24 random bits; rounding to float32 may give `high` if low ≠ 0.
 */
export function fillUniform(key: Key, out: Float32Array, low = 0, high = 1): void {
  const scale = (high - low) / 2 ** 24;
  for (let i = 0; i < out.length; i += 2) {
    threefry(key, 0, i >>> 1);
    out[i] = low + (block[0]! >>> 8) * scale;
    if (i + 1 < out.length) out[i + 1] = low + (block[1]! >>> 8) * scale;
  }
}

/** Fills `out` with draws from N(mean, deviation²) (Box and Muller 1958). */
export function fillNormal(key: Key, out: Float32Array, mean = 0, deviation = 1): void {
  for (let i = 0; i < out.length; i += 2) {
    threefry(key, 0, i >>> 1);
    const radius = deviation * Math.sqrt(-2 * log((block[0]! + 0.5) / 2 ** 32));
    const turns = block[1]! / 2 ** 32;
    out[i] = mean + radius * cosTurns(turns);
    if (i + 1 < out.length) out[i + 1] = mean + radius * sinTurns(turns);
  }
}

/** Fills `out` with integers from [0, bound), bound at most 2^24; the bias is below bound / 2^32. */
export function fillIntegers(key: Key, out: Uint32Array, bound: number): void {
  for (let i = 0; i < out.length; i += 2) {
    threefry(key, 0, i >>> 1);
    out[i] = Math.floor((block[0]! / 2 ** 32) * bound);
    if (i + 1 < out.length) out[i + 1] = Math.floor((block[1]! / 2 ** 32) * bound);
  }
}
