import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  deriveKey,
  fillIntegers,
  fillNormal,
  fillUniform,
  foldIn,
  type Key,
  PURPOSE,
  type Purpose,
  seedKey,
  threefry2x32,
} from '../../shared/random.js';

const FILLS = { fillUniform, fillNormal };

describe('threefry2x32()', () => {
  it('gives the known answers of Random123 for 20 rounds', () => {
    const answers: [Key, Key, Key][] = [
      [
        [0, 0],
        [0, 0],
        [0x6b200159, 0x99ba4efe],
      ],
      [
        [0xffffffff, 0xffffffff],
        [0xffffffff, 0xffffffff],
        [0x1cb996fc, 0xbb002be7],
      ],
      [
        [0x13198a2e, 0x03707344],
        [0x243f6a88, 0x85a308d3],
        [0xc4923a9c, 0x483df7a0],
      ],
    ];
    for (const [key, counter, expected] of answers) assert.deepEqual(threefry2x32(key, counter), expected);
  });
});

describe('foldIn()', () => {
  it('gives the keys of jax.random.fold_in', () => {
    // jax 0.10.2: fold_in(PRNGKey(1606), 42), then fold_in(…, 7); PRNGKey(2^40 + 5) with x64, then fold_in(…, 3·10^9)
    assert.deepEqual(foldIn(seedKey(1606), 42), [2555908654, 995019809]);
    assert.deepEqual(foldIn(foldIn(seedKey(1606), 42), 7), [3105672087, 789697469]);
    assert.deepEqual(foldIn(seedKey(2 ** 40 + 5), 3_000_000_000), [4019383938, 1787157616]);
  });
});

describe('seedKey()', () => {
  it('keeps all bits of a safe integer', () => {
    assert.deepEqual(seedKey(0), [0, 0]);
    assert.deepEqual(seedKey(2 ** 32 - 1), [0, 0xffffffff]);
    assert.deepEqual(seedKey(2 ** 32), [1, 0]);
    assert.deepEqual(seedKey(Number.MAX_SAFE_INTEGER), [0x1fffff, 0xffffffff]);
  });
});

describe('deriveKey()', () => {
  it('gives another key for another seed, member, shard, episode or purpose', () => {
    const keys = new Set<string>();
    let count = 0;
    for (const purpose of Object.keys(PURPOSE) as Purpose[]) {
      for (const seed of [0, 1, 2]) {
        for (const member of [0, 1, 2]) {
          for (let shard = 0; shard < 6; shard++) {
            for (let episode = 0; episode < 6; episode++) {
              keys.add(deriveKey({ seed, member, shard, episode, purpose }).join());
              count += 1;
            }
          }
        }
      }
    }
    assert.equal(keys.size, count);
  });

  it('gives streams that share no draw between purposes', () => {
    const seen = new Set<number>();
    let count = 0;
    for (const purpose of Object.keys(PURPOSE) as Purpose[]) {
      const draws = new Float32Array(1000);
      fillNormal(deriveKey({ seed: 3, member: 0, shard: 0, episode: 0, purpose }), draws);
      for (const draw of draws) seen.add(draw);
      count += draws.length;
    }
    // 7 000 float32 draws meet by chance about 5 times; two equal streams would meet 1 000 times
    assert.ok(count - seen.size < 60, `${count - seen.size} of ${count} draws meet`);
  });

  it('gives no two purposes the same number', () => {
    const numbers = Object.values(PURPOSE);
    assert.equal(new Set(numbers).size, numbers.length);
  });
});

for (const [name, fill] of Object.entries(FILLS)) {
  describe(`${name}()`, () => {
    it('gives a prefix of the same numbers to a shorter array', () => {
      const long = new Float32Array(64);
      fill(seedKey(9), long);
      for (const length of [0, 1, 2, 5, 31, 63]) {
        const short = new Float32Array(length);
        fill(seedKey(9), short);
        assert.deepEqual(short, long.slice(0, length));
      }
    });

    it('gives other numbers under other keys', () => {
      const [a, b] = [new Float32Array(64), new Float32Array(64)];
      fill(seedKey(9), a);
      fill(seedKey(10), b);
      assert.ok(a.every((value, i) => value !== b[i]));
    });
  });
}

/** The average of f over values. */
function mean(values: ArrayLike<number>, f: (value: number, i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += f(values[i]!, i);
  return sum / values.length;
}

// limits are five standard errors of 10^5 draws
const COUNT = 100_000;

describe('fillNormal()', () => {
  it('has the moments of a normal distribution, and uncorrelated neighbours', () => {
    const draws = new Float32Array(COUNT);
    fillNormal(seedKey(11), draws, 3, 2);
    const z = Float64Array.from(draws, (value) => (value - 3) / 2);
    assert.ok(Math.abs(mean(z, (x) => x)) < 5 * Math.sqrt(1 / COUNT));
    assert.ok(Math.abs(mean(z, (x) => x ** 2) - 1) < 5 * Math.sqrt(2 / COUNT));
    assert.ok(Math.abs(mean(z, (x) => x ** 3)) < 5 * Math.sqrt(15 / COUNT));
    assert.ok(Math.abs(mean(z, (x) => x ** 4) - 3) < 5 * Math.sqrt(96 / COUNT));
    assert.ok(Math.abs(mean(z.subarray(1), (x, i) => x * z[i]!)) < 5 * Math.sqrt(1 / COUNT));
    const beyond = mean(z, (x) => (Math.abs(x) > 1.959963985 ? 1 : 0));
    assert.ok(Math.abs(beyond - 0.05) < 5 * Math.sqrt((0.05 * 0.95) / COUNT));
  });
});

describe('fillUniform()', () => {
  it('has the moments of a uniform distribution, and stays in its range', () => {
    const draws = new Float32Array(COUNT);
    fillUniform(seedKey(12), draws);
    assert.ok(draws.every((value) => value >= 0 && value < 1));
    assert.ok(Math.abs(mean(draws, (x) => x) - 1 / 2) < 5 * Math.sqrt(1 / 12 / COUNT));
    assert.ok(Math.abs(mean(draws, (x) => x ** 2) - 1 / 3) < 5 * Math.sqrt(4 / 45 / COUNT));
    const unit = draws.slice();
    fillUniform(seedKey(12), draws, -2, 6);
    // 8·x − 2 is exact but for one rounding
    assert.deepEqual(
      draws,
      unit.map((value) => -2 + 8 * value),
    );
  });
});

describe('fillIntegers()', () => {
  it('gives every integer below the bound about as often, and none else', () => {
    const draws = new Uint32Array(COUNT);
    fillIntegers(seedKey(13), draws, 7);
    const counts = new Array<number>(7).fill(0);
    for (const draw of draws) counts[draw]! += 1;
    assert.equal(counts.length, 7);
    // χ² with 6 degrees of freedom is above 35 once in 200 000 times
    const chiSquare = counts.reduce((sum, count) => sum + (count - COUNT / 7) ** 2 / (COUNT / 7), 0);
    assert.ok(chiSquare < 35, `${chiSquare}`);
  });

  it('gives a prefix of the same numbers to a shorter array, and stays below the largest bound', () => {
    const [short, long] = [new Uint32Array(5), new Uint32Array(1000)];
    fillIntegers(seedKey(14), short, 2 ** 24);
    fillIntegers(seedKey(14), long, 2 ** 24);
    assert.deepEqual(short, long.slice(0, 5));
    assert.ok(long.every((value) => value < 2 ** 24));
    assert.ok(long.some((value) => value > 2 ** 23));
  });
});
