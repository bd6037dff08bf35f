/**
 * How large meta-gradients usually are, and which are far larger: a worker that lies, or whose memory is broken, may send a
 * sum that is finite and would still decide the direction of φ's step alone. What is far out is not wrong: it is computed
 * by a second worker before it counts, and if both agree it counts, so no bit of φ depends on what is found here.
 *
 * What is compared are logarithms of norms for each healthy problem, by the median and its median absolute deviation: both
 * stand up to a minority of lies. The past is that of the journal's sums, so every coordinator of a run judges alike.
 */
import { coverage, type TreeNode } from '../shared/sum-tree.js';
import { globalNorm } from './outer-optimizer.js';
import { ascending } from './quantiles.js';
import type { Received } from './round.js';

/** Rounds of the past that count. */
export const REMEMBERED_NORMS = 32;
/** With so many of them, the past alone says what is usual. */
const ENOUGH = 8;
/** A sum is far out from a hundred times the usual size on. */
const LEAST = Math.log(100);
/** And from so many standard deviations on, as the median absolute deviation estimates them if they are normal. */
const DEVIATIONS = 8;
const NORMAL = 1.4826;

export class GradientScale {
  readonly #shards: number;
  #past: number[];

  /** @param shards S @param norms of the averages of past rounds, the newest last */
  constructor(shards: number, norms: readonly number[] = []) {
    this.#shards = shards;
    this.#past = norms
      .filter((norm) => norm > 0)
      .map(Math.log)
      .slice(-REMEMBERED_NORMS);
  }

  /** Those of a round's parts that are far larger than the past, or if there is little of that, than those of the others. */
  farOut(parts: readonly Received[]): Received[] {
    const sizes = new Map(parts.map((part) => [part, this.#sizeOf(part.node)]));
    const known = [...this.#past, ...(this.#past.length < ENOUGH ? this.#sizesByWorker(sizes) : [])];
    const all = known.filter((size) => size > Number.NEGATIVE_INFINITY);
    if (all.length < 2) return [];
    const median = lowerMedian(all);
    const deviation = lowerMedian(all.map((size) => Math.abs(size - median)));
    const limit = median + Math.max(LEAST, DEVIATIONS * NORMAL * deviation);
    return parts.filter((part) => sizes.get(part)! > limit);
  }

  /** A round's sum is taken. */
  remember(root: TreeNode): void {
    const size = this.#sizeOf(root);
    if (size > Number.NEGATIVE_INFINITY) this.#past = [...this.#past, size].slice(-REMEMBERED_NORMS);
  }

  /** One size a worker: whoever sends more nodes has no more to say. */
  #sizesByWorker(sizes: ReadonlyMap<Received, number>): number[] {
    const own = new Map<string, number[]>();
    for (const [{ worker }, size] of sizes) own.set(worker, [...(own.get(worker) ?? []), size]);
    return [...own.values()].map(lowerMedian);
  }

  /** ln of the norm for each healthy problem, as it would be over all shards if they differ by noise alone. */
  #sizeOf(node: TreeNode): number {
    const { first, end } = coverage(node, this.#shards);
    const norm = globalNorm(node.metaGradient) / Math.max(1, node.healthy);
    return Math.log(norm) + Math.log((end - first) / this.#shards) / 2;
  }
}

/** Of two in the middle the lower one: one of two values may be a lie, and lies are too large. */
function lowerMedian(values: readonly number[]): number {
  const sorted = ascending(Float64Array.from(values));
  return sorted[(sorted.length - 1) >> 1]!;
}
