/** Quasi-random search: Sobol's sequence, scrambled with the sweep's seed. */
import { fromUniform, type Space } from '../domain.js';
import { sweepKey } from '../draws.js';
import type { Sampler } from './sampler.js';
import { DIRECTIONS } from './sobol-directions.js';

const BITS = 32;

/** The largest number of parameters: the dimensions of the sequence. */
export const SOBOL_DIMENSIONS = DIRECTIONS.split('\n').length + 1;

const directions = new Map<number, Uint32Array>();

/**
 * The direction numbers v_1 … v_32 of a dimension, from 0, as binary fractions v_k = m_k/2^k: m_k = 1 in dimension 0,
 * otherwise m_k = 2a_1·m_{k−1} ⊕ 4a_2·m_{k−2} ⊕ … ⊕ 2^s·m_{k−s} ⊕ m_{k−s} (Joe and Kuo 2008, equation 2).
 */
function directionsOf(dimension: number): Uint32Array {
  const known = directions.get(dimension);
  if (known) return known;
  const v = new Uint32Array(BITS);
  if (dimension === 0) {
    for (let k = 0; k < BITS; k++) v[k] = 1 << (BITS - 1 - k);
  } else {
    const [a = 0, ...initial] = DIRECTIONS.split('\n')[dimension - 1]!.split(' ').map(Number);
    const degree = initial.length;
    for (let k = 0; k < BITS; k++) {
      if (k < degree) {
        v[k] = initial[k]! << (BITS - 1 - k);
        continue;
      }
      let next = v[k - degree]! ^ (v[k - degree]! >>> degree);
      for (let i = 1; i < degree; i++) if ((a >>> (degree - 1 - i)) & 1) next ^= v[k - i]!;
      v[k] = next;
    }
  }
  directions.set(dimension, v);
  return v;
}

/** Coordinate `dimension` of point n, an unsigned 32-bit fraction, in Gray code order (Antonov and Saleev 1979). */
export function sobolBits(n: number, dimension: number): number {
  const v = directionsOf(dimension);
  let bits = 0;
  for (let gray = n ^ (n >>> 1), k = 0; gray !== 0; gray >>>= 1, k++) if (gray & 1) bits ^= v[k]!;
  return bits >>> 0;
}

function reverse(bits: number): number {
  let x = bits;
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return ((x >>> 16) | (x << 16)) >>> 0;
}

/**
 * Owen's nested uniform scrambling by a hash: the bits above decide whether a bit is flipped, which keeps points evenly
 * spread (B. Burley 2020, "Practical hash-based Owen scrambling", JCGT 9(4); constants of Laine and Karras 2011).
 */
export function owenScramble(bits: number, seed: number): number {
  let x = (reverse(bits) + seed) | 0;
  x ^= Math.imul(x, 0x6c50b47c);
  x ^= Math.imul(x, 0xb82f1e52);
  x ^= Math.imul(x, 0xc7afe638);
  x ^= Math.imul(x, 0x8d22f6e6);
  return reverse(x);
}

/** @param space of at most SOBOL_DIMENSIONS parameters */
export function sobolSampler(space: Space, seed: number): Sampler {
  // every dimension is scrambled independently
  const scrambles = space.map(({ name }) => sweepKey(seed, 0, `sobol ${name}`)[0]);
  return {
    adaptive: false,
    ask: (number) =>
      Object.fromEntries(
        space.map(({ name, domain }, dimension) => {
          const bits = owenScramble(sobolBits(number, dimension), scrambles[dimension]!);
          return [name, fromUniform(domain, (bits + 0.5) / 2 ** BITS)];
        }),
      ),
  };
}
