import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { FileError } from '../../shared/errors.js';
import { ALICE } from '../../worker/problems/language/alice.js';
import { loadText } from '../../worker/problems/language/text.js';
import { gatherExcerpts, language } from '../../worker/problems/language.js';
import { optionValues } from '../../worker/problems/registry.js';
import { drawCase, gradientAt, KEY, moments, row } from '../fixtures/drawn-problems.js';
import { temporaryFolder } from '../fixtures/folder.js';

function writeText(context: TestContext, text: string | Uint8Array): string {
  const path = join(temporaryFolder(context), 'text.txt');
  writeFileSync(path, text);
  return path;
}

function failure(action: () => unknown): string {
  let message = '';
  assert.throws(action, (error) => {
    assert.ok(error instanceof FileError);
    message = error.message;
    return true;
  });
  return message;
}

before(async () => {
  await tf.setBackend('cpu');
});

describe('loadText()', () => {
  test('numbers characters by how frequent they are, and splits them by position', (context) => {
    const { vocabulary, splits } = loadText(writeText(context, 'aaabbü ba'.repeat(2)), 64, 1);
    // a 8, b 6, then " " and ü twice each, by code point
    assert.equal(vocabulary, 4);
    const all = [0, 0, 0, 1, 1, 3, 2, 1, 0];
    assert.deepEqual([...splits.train, ...splits['held-out'], ...splits.test], [...all, ...all]);
    assert.deepEqual([splits.train.length, splits['held-out'].length, splits.test.length], [14, 2, 2]);
  });

  test('lets the rarest characters share a symbol if there are more than asked for', (context) => {
    const { vocabulary, splits } = loadText(writeText(context, `${'a'.repeat(20)}bbbccd`), 3, 1);
    assert.equal(vocabulary, 3);
    assert.deepEqual([...splits.train, ...splits['held-out'], ...splits.test].slice(20), [1, 1, 1, 2, 2, 2]);
  });

  test('has a text of its own, which no edit may change unseen', () => {
    const { vocabulary, hash, splits } = loadText(undefined, 1000, 17);
    assert.equal(vocabulary, 65);
    assert.equal(hash, createHash('sha256').update(ALICE).digest('hex'));
    assert.equal(hash, '47bccf2bcef3d43feaef44754ab78807113206a56fec2cf9dab6d3aeed5c9c96');
    assert.equal(splits.train.length + splits['held-out'].length + splits.test.length, 45_229);
  });

  test('refuses a text that is missing, too short or not UTF-8', (context) => {
    const short = writeText(context, 'too short');
    assert.equal(
      failure(() => loadText(short, 64, 17)),
      `Cannot read a text from ${short}: every part of it must have at least 17 characters, one more than the context, got 0`,
    );
    const latin = writeText(context, Uint8Array.of(0x61, 0xe4, 0x61));
    assert.equal(
      failure(() => loadText(latin, 64, 1)),
      `Cannot read a text from ${latin}: it must be in UTF-8, and is not`,
    );
    assert.equal(
      failure(() => loadText('/nowhere/text.txt', 64, 1)),
      'Cannot read a text from /nowhere/text.txt: there is no such file',
    );
  });
});

describe('gatherExcerpts()', () => {
  const text = {
    splits: { train: new Uint16Array(50).map((_, i) => i), 'held-out': Uint16Array.of(7, 8), test: Uint16Array.of(9) },
  };

  test('reads runs of the split, time by time, of which the next are one further', () => {
    const batch = { key: KEY, split: 'train', count: 2 } as const;
    const shape = { context: 4, batch: 3 };
    const { read, next } = gatherExcerpts(text, batch, 5, shape);
    assert.deepEqual(
      next,
      read.map((symbol) => symbol + 1),
    );
    for (let p = 0; p < 2; p++) {
      const own = read.subarray(12 * p, 12 * p + 12);
      for (let i = 3; i < 12; i++) assert.equal(own[i], own[i - 3]! + 1);
    }
    assert.deepEqual(gatherExcerpts(text, batch, 5, shape), { read, next });
    assert.notDeepEqual(gatherExcerpts(text, batch, 6, shape).read, read);
    assert.notDeepEqual(read.slice(0, 12), read.slice(12));
  });

  test('keeps the two parts of the training split apart', () => {
    const batch = { key: KEY, split: 'train', count: 1 } as const;
    const ends = (['inner', 'outer'] as const).map((part) => {
      const { read, next } = gatherExcerpts(text, { ...batch, part }, 0, { context: 2, batch: 2000 });
      return [Math.min(...read), Math.max(...next)];
    });
    assert.deepEqual(ends, [
      [0, 44],
      [45, 49],
    ]);
  });

  test('reaches both ends of its split and nothing else', () => {
    const batch = { key: KEY, split: 'train', count: 1 } as const;
    const { read, next } = gatherExcerpts(text, batch, 0, { context: 4, batch: 2000 });
    assert.deepEqual([Math.min(...read), Math.max(...next)], [0, 49]);
    const held = gatherExcerpts(text, { ...batch, split: 'held-out' }, 0, { context: 1, batch: 3 });
    assert.deepEqual(
      [[...held.read], [...held.next]],
      [
        [7, 7, 7],
        [8, 8, 8],
      ],
    );
  });
});

test('language at θ = 0 has the loss ln V, and another minibatch at every step and in every problem', async () => {
  const zero = await drawCase({ family: 'language', options: { 'initial-scale': 0 } }, 2);
  const { losses, gradient } = gradientAt(zero, 0);
  for (const loss of losses) assert.ok(Math.abs(loss - Math.log(64)) < 1e-6, `${loss}`);
  const d = zero.coordinates;
  assert.equal(d, 64 * 8 + 8 * 16 + 16 * 16 + 16 + 16 * 64 + 64);
  assert.notDeepEqual(row(gradient, 0, d), row(gradient, 1, d));
  assert.notDeepEqual(gradient, gradientAt(zero, 1).gradient);
});

test('language draws the embedding from N(0, scale²), weights over the root of their inputs, and no biases', async () => {
  const { theta } = await drawCase(
    { family: 'language', options: { hidden: 50, embedding: 20, 'initial-scale': 2 } },
    1,
  );
  let at = 0;
  const parts = [64 * 20, 20 * 50, 50 * 50, 50, 50 * 64, 64].map((length) => {
    at += length;
    return moments(theta.subarray(at - length, at))[1];
  });
  for (const [i, expected] of [2, 2 / Math.sqrt(20), 2 / Math.sqrt(50), 0, 2 / Math.sqrt(50), 0].entries()) {
    assert.ok(Math.abs(parts[i]! - expected) <= 0.1 * expected, `tensor ${i}: ${parts[i]}`);
  }
});

test('language learns: gradient descent falls below what the frequencies of characters give', async () => {
  const one = await drawCase({ family: 'language', options: {} }, 1);
  const theta = one.theta.slice();
  const losses: number[] = [];
  for (let t = 0; t < 150; t++) {
    const { gradient, losses: own } = gradientAt({ ...one, theta }, t);
    losses.push(own[0]!);
    for (let i = 0; i < theta.length; i++) theta[i]! -= 1 * gradient[i]!;
  }
  const counts = new Map<string, number>();
  for (const character of ALICE) counts.set(character, (counts.get(character) ?? 0) + 1);
  const entropy = [...counts.values()].reduce((sum, n) => sum - (n / ALICE.length) * Math.log(n / ALICE.length), 0);
  const last = losses.slice(-30).reduce((sum, loss) => sum + loss / 30, 0);
  assert.ok(losses[0]! > 4 && last < entropy - 0.2, `from ${losses[0]} to ${last}; by frequencies alone ${entropy}`);
});

test('language keeps the path of its text out of what results depend on, and its hash in', async (context) => {
  const path = writeText(context, 'a b '.repeat(50));
  const { dataHashes } = await language.configure(optionValues(language, { text: path }));
  assert.deepEqual(dataHashes, { text: createHash('sha256').update('a b '.repeat(50)).digest('hex') });
});
