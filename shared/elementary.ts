/**
 * exp, log, cos, sin and tanh from + − × ÷ √ alone. ECMAScript leaves the accuracy of Math.exp and the like to the
 * implementation, so they may differ between versions of Node; these give the same bits wherever IEEE 754 holds.
 */

const LN2_HIGH = 0.6931471803691238; // the leading 33 bits of ln 2, so that k·LN2_HIGH is exact for |k| < 2^20
const LN2_LOW = 1.9082149292705877e-10;
const SQRT_HALF = Math.sqrt(0.5);

const bits = new DataView(new ArrayBuffer(8));

/** 2^k as a double, for −1022 ≤ k ≤ 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** e^x within 2 ulp: x = k·ln 2 + r with |r| ≤ ln 2 / 2, and the Taylor series of e^r. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.2) return 0;
  const k = Math.round(x / (LN2_HIGH + LN2_LOW));
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1;
  for (let n = 14; n >= 1; n--) sum = 1 + (sum * r) / n;
  // two factors, since 2^k alone leaves the range of normal numbers at both ends
  const half = Math.trunc(k / 2);
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** ln x within 2 ulp: x = 2^k·m with m near 1, and ln m = 2·artanh((m − 1)/(m + 1)). */
export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN;
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY) return x;
  let k = 0;
  let m = x;
  if (m < 2.2250738585072014e-308) {
    m *= 18014398509481984; // 2^54, out of the denormals
    k = -54;
  }
  bits.setFloat64(0, m);
  const high = bits.getUint32(0);
  k += (high >>> 20) - 1022;
  bits.setUint32(0, (high & 0x000fffff) | 0x3fe00000);
  m = bits.getFloat64(0); // in [0.5, 1)
  if (m < SQRT_HALF) {
    m *= 2;
    k -= 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let series = 0;
  for (let n = 23; n >= 3; n -= 2) series = (series + 1 / n) * z;
  return k * LN2_HIGH + (2 * s + (2 * s * series + k * LN2_LOW));
}

/** cos x for x within ±π/4, by its Taylor series. */
function cosSmall(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let n = 16; n >= 2; n -= 2) sum = 1 - (sum * z) / (n * (n - 1));
  return sum;
}

/** sin x for x within ±π/4, by its Taylor series. */
function sinSmall(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let n = 17; n >= 3; n -= 2) sum = 1 - (sum * z) / (n * (n - 1));
  return x * sum;
}

/** cos(2π·(turns − back/4)), back 0 or 1; the reduction to an eighth of a turn is exact, however many turns there are. */
function cosTurnsBack(turns: number, back: number): number {
  const quarters = Math.round(turns * 4);
  const rest = (turns - quarters / 4) * (2 * Math.PI);
  switch (((quarters % 4) - back + 4) % 4) {
    case 0:
      return cosSmall(rest);
    case 1:
      return -sinSmall(rest);
    case 2:
      return -cosSmall(rest);
    default:
      return sinSmall(rest);
  }
}

/** cos(2π·turns). */
export function cosTurns(turns: number): number {
  return cosTurnsBack(turns, 0);
}

/** sin(2π·turns), accurate near 0 too. */
export function sinTurns(turns: number): number {
  return cosTurnsBack(turns, 1);
}

/** tanh x, without cancellation near 0. */
export function tanh(x: number): number {
  if (Number.isNaN(x)) return x;
  const magnitude = Math.abs(x);
  if (magnitude > 20) return x > 0 ? 1 : -1;
  if (magnitude < 0.1) {
    // the first terms of the continued fraction x/(1 + x²/(3 + x²/(5 + …)))
    const z = x * x;
    return x / (1 + z / (3 + z / (5 + z / (7 + z / (9 + z / 11)))));
  }
  const e = exp(-2 * magnitude);
  const t = (1 - e) / (1 + e);
  return x > 0 ? t : -t;
}

/** The logistic function 1/(1 + e^−x). */
export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
