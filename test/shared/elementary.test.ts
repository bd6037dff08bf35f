import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cosTurns, exp, log, sigmoid, sinTurns, tanh } from '../../shared/elementary.js';
import { fillUniform, seedKey } from '../../shared/random.js';

const bits = new DataView(new ArrayBuffer(8));

/** The doubles in order, as integers: neighbours differ by 1. */
function rank(x: number): bigint {
  bits.setFloat64(0, x);
  const value = bits.getBigInt64(0);
  return value < 0n ? -(value & 0x7fff_ffff_ffff_ffffn) : value;
}

/** How many doubles lie between two, the second counted. */
function ulps(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Object.is(a, b) ? 0 : Number.POSITIVE_INFINITY;
  const distance = rank(a) - rank(b);
  return Number(distance < 0n ? -distance : distance);
}

/** Many numbers from [low, high), with all 53 bits in use. */
function range(low: number, high: number, count = 4000): number[] {
  const [coarse, fine] = [new Float32Array(count), new Float32Array(count)];
  fillUniform(seedKey(1), coarse);
  fillUniform(seedKey(2), fine);
  return Array.from(coarse, (x, i) => low + (x + fine[i]! * 2 ** -24) * (high - low));
}

/** Numbers of every magnitude, from 10^low to 10^high. */
function magnitudes(low: number, high: number): number[] {
  return range(low, high).map((exponent) => 10 ** exponent);
}

function assertWithin(
  limit: number,
  own: (x: number) => number,
  expected: (x: number) => number,
  points: number[],
): void {
  for (const x of points) assert.ok(ulps(own(x), expected(x)) <= limit, `at ${x}: ${own(x)}, not ${expected(x)}`);
}

describe('exp()', () => {
  it('is within 3 ulp of Math.exp from the least to the largest result', () => {
    assertWithin(3, exp, Math.exp, [
      ...range(-745, 709.7),
      ...range(-2, 2),
      ...range(-1e-9, 1e-9),
      ...range(-745.2, -708),
    ]);
  });

  it('has the limits of the exponential', () => {
    const cases: [number, number][] = [
      [0, 1],
      [-0, 1],
      [Number.NEGATIVE_INFINITY, 0],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
      [710, Number.POSITIVE_INFINITY],
      [-746, 0],
      [Number.NaN, Number.NaN],
    ];
    for (const [x, expected] of cases) assert.equal(exp(x), expected, `${x}`);
    assert.ok(Number.isFinite(exp(709.782712893384)));
    assert.equal(exp(-745.1), 5e-324);
  });
});

describe('log()', () => {
  it('is within 3 ulp of Math.log over all positive doubles', () => {
    assertWithin(3, log, Math.log, [...magnitudes(-323, 308), ...range(0.5, 2), ...range(0, 1), ...range(1, 1e6)]);
    assertWithin(3, log, Math.log, [
      1 - 2 ** -53,
      1 + 2 ** -52,
      Number.MAX_VALUE,
      Number.MIN_VALUE,
      2.2250738585072014e-308,
    ]);
  });

  it('has the limits of the logarithm', () => {
    const cases: [number, number][] = [
      [1, 0],
      [0, Number.NEGATIVE_INFINITY],
      [-0, Number.NEGATIVE_INFINITY],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
      [-1, Number.NaN],
      [Number.NEGATIVE_INFINITY, Number.NaN],
      [Number.NaN, Number.NaN],
    ];
    for (const [x, expected] of cases) assert.equal(log(x), expected, `${x}`);
  });
});

describe('cosTurns() and sinTurns()', () => {
  it('are within 1e-15 of Math.cos and Math.sin over a turn, at the places where normal draws ask', () => {
    for (const x of range(0, 1)) {
      const turns = Math.floor(x * 2 ** 32) / 2 ** 32;
      assert.ok(Math.abs(cosTurns(turns) - Math.cos(2 * Math.PI * turns)) < 1e-15, `cos of ${turns}`);
      assert.ok(Math.abs(sinTurns(turns) - Math.sin(2 * Math.PI * turns)) < 1e-15, `sin of ${turns}`);
    }
  });

  it('give the same bits a whole number of turns further', () => {
    for (const x of range(0, 1, 200)) {
      const turns = Math.floor(x * 2 ** 20) / 2 ** 20;
      for (const more of [-3, -1, 1, 1000]) {
        assert.equal(cosTurns(turns + more), cosTurns(turns));
        assert.equal(sinTurns(turns + more), sinTurns(turns));
      }
    }
  });

  it('are within 1e-15 of Math.cos and Math.sin of what is left of many turns', () => {
    for (const turns of [...range(-1e3, 1e3), ...range(-1e12, 1e12), ...range(2 ** 50, 2 ** 51)]) {
      const rest = 2 * Math.PI * (turns - Math.round(turns));
      assert.ok(Math.abs(cosTurns(turns) - Math.cos(rest)) < 1e-15, `cos of ${turns}`);
      assert.ok(Math.abs(sinTurns(turns) - Math.sin(rest)) < 1e-15, `sin of ${turns}`);
    }
    for (const turns of [2 ** 53, 2 ** 60, -(2 ** 53), 1e300]) {
      assert.deepEqual([cosTurns(turns), sinTurns(turns) + 0], [1, 0], `${turns}`);
    }
  });

  it('keep all digits of the sine near 0', () => {
    assertWithin(3, sinTurns, (turns) => Math.sin(2 * Math.PI * turns), [...magnitudes(-300, -1), -1e-9, -1e-40]);
  });

  it('are exact at quarters of a turn', () => {
    for (const [turns, cosine, sine] of [
      [0, 1, 0],
      [0.25, 0, 1],
      [0.5, -1, 0],
      [0.75, 0, -1],
      [1, 1, 0],
      [-0.25, 0, -1],
      [-0.5, -1, 0],
    ] as const) {
      // + 0 takes the sign from a zero
      assert.deepEqual([cosTurns(turns) + 0, sinTurns(turns) + 0], [cosine, sine], `${turns}`);
    }
  });

  it('are NaN where there is no angle', () => {
    for (const x of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      assert.equal(cosTurns(x), Number.NaN);
      assert.equal(sinTurns(x), Number.NaN);
    }
  });
});

describe('tanh()', () => {
  it('is within 8 ulp of Math.tanh, and odd', () => {
    const points = [...range(-0.11, 0.11), ...range(-1, 1), ...range(-25, 25), ...magnitudes(-300, 2)];
    assertWithin(8, tanh, Math.tanh, points);
    for (const x of points) assert.equal(tanh(-x), -tanh(x));
  });

  it('has the limits of the hyperbolic tangent', () => {
    for (const [x, expected] of [
      [0, 0],
      [-0, -0],
      [1e300, 1],
      [-1e300, -1],
      [Number.POSITIVE_INFINITY, 1],
      [Number.NEGATIVE_INFINITY, -1],
      [Number.NaN, Number.NaN],
    ] as const) {
      assert.equal(tanh(x), expected, `${x}`);
    }
  });
});

describe('sigmoid()', () => {
  it('is within 6 ulp of 1/(1 + e^−x), written without overflow', () => {
    // e^x/(1 + e^x) = (1 − tanh(−x/2))/2 would cancel for negative x
    const expected = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
    assertWithin(6, sigmoid, expected, [...range(-745, 745), ...range(-3, 3)]);
  });

  it('sums to 1 with its mirror image', () => {
    for (const x of range(-40, 40)) assert.ok(Math.abs(sigmoid(x) + sigmoid(-x) - 1) < 3e-16, `${x}`);
  });

  it('has the limits of the logistic function', () => {
    for (const [x, expected] of [
      [0, 0.5],
      [Number.POSITIVE_INFINITY, 1],
      [Number.NEGATIVE_INFINITY, 0],
      [1e4, 1],
      [-1e4, 0],
      [Number.NaN, Number.NaN],
    ] as const) {
      assert.equal(sigmoid(x), expected, `${x}`);
    }
  });
});
