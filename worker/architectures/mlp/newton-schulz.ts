/** Newton-Schulz orthogonalisation. */
import type { MatrixShape } from '../layout.js';

/** How often, and with which a, b and c; torch.ts writes them into its file. */
export const ITERATIONS = 5;
export const COEFFICIENTS = [3.4445, -4.775, 2.0315] as const;

/**
 * The nearest matrix with singular values near 1 (Jordan et al. 2024, the Muon optimizer): X over its norm, then some times
 * X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ, on the shorter side. Computed in float64.
 */
export function orthogonalised(values: Float64Array, { rows, columns }: MatrixShape): Float64Array {
  const tall = rows > columns;
  const [m, n] = tall ? [columns, rows] : [rows, columns];
  let x = tall ? transposed(values, rows, columns) : values;
  const norm = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0)) + 1e-8;
  x = x.map((value) => value / norm);
  const [a, b, c] = COEFFICIENTS;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const gram = product(x, transposed(x, m, n), m, n, m);
    const square = product(gram, gram, m, m, m);
    const turned = product(
      gram.map((value, i) => b * value + c * square[i]!),
      x,
      m,
      m,
      n,
    );
    x = x.map((value, i) => a * value + turned[i]!);
  }
  return tall ? transposed(x, m, n) : x;
}

/** [m × k]·[k × n]. */
function product(left: Float64Array, right: Float64Array, m: number, k: number, n: number): Float64Array {
  const result = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const factor = left[i * k + l]!;
      for (let j = 0; j < n; j++) result[i * n + j]! += factor * right[l * n + j]!;
    }
  }
  return result;
}

function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c]!;
  return result;
}
