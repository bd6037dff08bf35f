import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillNormal, fillUniform, seedKey } from '../../shared/random.js';
import { coverage, SumTree, type TreeNode } from '../../shared/sum-tree.js';
import { cutRange, shuffled } from '../fixtures/draws.js';

const LENGTH = 33;

/** Leaves whose sums depend on the order of addition: their entries differ by orders of magnitude. */
function leavesOf(shards: number): TreeNode[] {
  return Array.from({ length: shards }, (_, index) => {
    const gradient = new Float32Array(LENGTH);
    fillNormal(seedKey(100 + index), gradient);
    const scales = new Float32Array(LENGTH);
    fillUniform(seedKey(200 + index), scales, -6, 6);
    const losses = new Float32Array(2);
    fillUniform(seedKey(300 + index), losses);
    return {
      level: 0,
      index,
      metaGradient: gradient.map((value, i) => value * 10 ** scales[i]!),
      loss: losses[0]! / 3,
      finalLoss: losses[1]! / 7,
      healthy: 1 + (index % 4),
      problems: 4,
    };
  });
}

/** Σ over shards [first, first + width) ∩ [0, S), left half plus right half: the definition, independent of SumTree. */
function sumOf(leaves: TreeNode[], level: number, index: number): Omit<TreeNode, 'level' | 'index'> | undefined {
  if (level === 0) return leaves[index];
  const left = sumOf(leaves, level - 1, 2 * index);
  const right = sumOf(leaves, level - 1, 2 * index + 1);
  if (!left || !right) return left;
  return {
    metaGradient: left.metaGradient.map((value, i) => Math.fround(value + right.metaGradient[i]!)),
    loss: left.loss + right.loss,
    finalLoss: left.finalLoss + right.finalLoss,
    healthy: left.healthy + right.healthy,
    problems: left.problems + right.problems,
  };
}

/** Levels above the leaves: the least l with 2^l ≥ S. */
function heightOf(shards: number): number {
  let level = 0;
  while (2 ** level < shards) level += 1;
  return level;
}

function rootOf(leaves: TreeNode[]): TreeNode {
  const level = heightOf(leaves.length);
  return { level, index: 0, ...sumOf(leaves, level, 0)! };
}

/** What one host sends for its shards: the complete nodes of a tree of its own. */
function preAdded(leaves: TreeNode[], { first, end }: { first: number; end: number }, seed: number): TreeNode[] {
  const tree = new SumTree(leaves.length);
  for (const i of shuffled(end - first, seed)) assert.equal(tree.add(leaves[first + i]!), true);
  return tree.nodes();
}

describe('SumTree', () => {
  it('gives the same bits for any partition of 1 to 40 shards into ranges, in any order of arrival', () => {
    for (let shards = 1; shards <= 40; shards++) {
      const leaves = leavesOf(shards);
      const expected = rootOf(leaves);
      for (let parts = 1; parts <= Math.min(shards, 7); parts++) {
        for (let seed = 0; seed < 3; seed++) {
          const name = `${shards} shards in ${parts} parts, ${seed}`;
          const ranges = cutRange(shards, parts, 1000 * shards + 10 * parts + seed);
          const sent = ranges.flatMap((range, i) => preAdded(leaves, range, seed + i));
          const tree = new SumTree(shards);
          shuffled(sent.length, seed + 17).forEach((i, arrived) => {
            assert.equal(tree.root, undefined, name);
            assert.equal(tree.add(sent[i]!), true, name);
            if (arrived === sent.length - 1) assert.deepEqual(tree.root, expected, name);
          });
          assert.deepEqual(tree.nodes(), [expected], name);
        }
      }
    }
  });

  it('gives other bits than adding from left to right, so that the partition test can fail', () => {
    const leaves = leavesOf(13);
    const gradient = leaves
      .slice(1)
      .reduce((sum, leaf) => sum.map((value, i) => value + leaf.metaGradient[i]!), leaves[0]!.metaGradient);
    assert.notDeepEqual(rootOf(leaves).metaGradient, gradient);
  });

  it('add() ignores duplicates and what a larger node covers, and lets a larger node replace its parts', () => {
    for (const shards of [13, 16, 21]) {
      const leaves = leavesOf(shards);
      const expected = rootOf(leaves);
      for (let seed = 0; seed < 20; seed++) {
        const whole = preAdded(leaves, { first: 0, end: shards }, seed);
        const sent = [
          ...leaves,
          ...leaves,
          ...preAdded(leaves, { first: 0, end: 8 }, seed),
          ...preAdded(leaves, { first: 3, end: shards }, seed),
          ...preAdded(leaves, { first: 4, end: 8 }, seed),
        ];
        const tree = new SumTree(shards);
        for (const i of shuffled(sent.length, seed)) {
          const { first, end } = coverage(sent[i]!, shards);
          const had = Array.from({ length: end - first }, (_, s) => tree.has(first + s)).every(Boolean);
          const before = tree.nodes();
          const added = tree.add(sent[i]!);
          if (!added) assert.deepEqual(tree.nodes(), before);
          // all its shards may be there in parts that are not siblings; a node that is covered by one is never new
          if (!had) assert.equal(added, true);
          for (let s = first; s < end; s++) assert.equal(tree.has(s), true);
        }
        assert.deepEqual(tree.nodes(), [expected]);
        for (const node of [...leaves, ...whole]) assert.equal(tree.add(node), false);
        assert.deepEqual(tree.root, expected);
      }
    }
  });

  it('nodes() of a contiguous range are the fewest, at most two a level, and cover it exactly', () => {
    for (const shards of [13, 40, 100]) {
      const leaves = leavesOf(shards);
      for (let first = 0; first < shards; first += 3) {
        for (let end = first + 1; end <= shards; end += 4) {
          const nodes = preAdded(leaves, { first, end }, first + end);
          let next = first;
          for (const node of nodes) {
            const covered = coverage(node, shards);
            assert.equal(covered.first, next);
            next = covered.end;
          }
          assert.equal(next, end);
          assert.ok(
            nodes.length <= Math.max(1, 2 * (heightOf(shards) - 1)),
            `${nodes.length} nodes for ${first} to ${end}`,
          );
        }
      }
    }
  });

  it('has() tells which shards are in', () => {
    const leaves = leavesOf(6);
    const tree = new SumTree(6);
    for (const i of [5, 1, 2, 4]) tree.add(leaves[i]!);
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map((shard) => tree.has(shard)),
      [false, true, true, false, true, true],
    );
  });

  it('add() writes to no node that it is given', () => {
    const leaves = leavesOf(13);
    const given = [...preAdded(leaves, { first: 0, end: 7 }, 1), ...leaves.slice(7)];
    const copies = structuredClone(given);
    for (const finite of [false, true]) {
      const tree = new SumTree(13, { finite });
      for (const i of shuffled(given.length, 2)) tree.add(given[i]!);
      assert.ok(tree.root);
      assert.deepEqual(given, copies);
    }
  });
});

describe('coverage()', () => {
  it('cuts nodes off at S', () => {
    assert.deepEqual(coverage({ level: 0, index: 12 }, 13), { first: 12, end: 13 });
    assert.deepEqual(coverage({ level: 2, index: 1 }, 13), { first: 4, end: 8 });
    assert.deepEqual(coverage({ level: 2, index: 3 }, 13), { first: 12, end: 13 });
    assert.deepEqual(coverage({ level: 4, index: 0 }, 13), { first: 0, end: 13 });
  });
});

describe('SumTree({ finite: true })', () => {
  /** Leaves that are finite, while some sums of them are not. */
  function largeLeaves(shards: number, changed: 'gradient' | 'loss'): TreeNode[] {
    return leavesOf(shards).map((leaf, index) => {
      const sign = index % 3 === 2 ? -1 : 1;
      if (changed === 'loss') return { ...leaf, loss: sign * Number.MAX_VALUE };
      const gradient = leaf.metaGradient.slice();
      gradient[5] = sign * 3e38;
      return { ...leaf, metaGradient: gradient };
    });
  }

  it('keeps siblings apart whose sum overflows, and the receiver’s tree makes the bits that one tree makes', () => {
    for (const changed of ['gradient', 'loss'] as const) {
      for (const shards of [2, 7, 13]) {
        const leaves = largeLeaves(shards, changed);
        const expected = new SumTree(shards);
        for (const leaf of leaves) expected.add(leaf);
        for (let cutAt = 0; cutAt <= shards; cutAt++) {
          const receiver = new SumTree(shards);
          for (const host of [leaves.slice(0, cutAt), leaves.slice(cutAt)]) {
            const sender = new SumTree(shards, { finite: true });
            for (const leaf of host) sender.add(leaf);
            const sent = sender.nodes();
            assert.ok(
              sent.every(
                ({ metaGradient: gradient, loss }) => gradient.every(Number.isFinite) && Number.isFinite(loss),
              ),
            );
            for (const node of sent) assert.equal(receiver.add(node), true);
          }
          assert.deepEqual(receiver.root, expected.root);
        }
        assert.ok(
          !expected.root!.metaGradient.every(Number.isFinite) || !Number.isFinite(expected.root!.loss),
          'it must overflow',
        );
      }
    }
  });

  it('adds as ever where nothing overflows', () => {
    const leaves = leavesOf(13);
    const [tree, plain] = [new SumTree(13, { finite: true }), new SumTree(13)];
    for (const leaf of leaves) for (const each of [tree, plain]) each.add(leaf);
    assert.deepEqual(tree.nodes(), plain.nodes());
  });
});
