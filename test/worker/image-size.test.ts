import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { UsageError } from '../../shared/errors.js';
import { areaAverage } from '../../worker/problems/images/area-average.js';
import { valuesOf } from '../../worker/problems/images/image-set.js';
import { loadImages, readImageKind } from '../../worker/problems/images/load.js';
import { parametersOf, tensorsText } from '../../worker/problems/parameter-tensors.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { cifarFiles, mnistFiles, writeFiles } from '../fixtures/image-folders.js';

describe('areaAverage()', () => {
  it('counts a pixel by the area that is inside a window: 3 × 3 by hand, in two channels', () => {
    const grey = [0, 90, 180, 90, 36, 0, 9, 18, 27];
    // the first window holds 0 + 90/2 + 90/2 + 36/4 on an area of 2.25
    const expected = [44, 104, 32, 20];
    const into = new Uint8Array(8);
    const pixels = Uint8Array.from(grey.flatMap((byte) => [byte, 255]));
    areaAverage(pixels, { height: 3, width: 3, channels: 2 }, 2, into);
    assert.deepEqual(
      [...into],
      expected.flatMap((byte) => [byte, 255]),
    );
  });

  it('rounds to the nearest byte, halves up, and takes sides of different lengths', () => {
    const into = new Uint8Array(1);
    for (const [bytes, mean] of [
      [[0, 0, 0, 1, 1, 1], 1],
      [[0, 0, 0, 0, 1, 1], 0],
      [[255, 255, 255, 255, 255, 254], 255],
    ] as const) {
      areaAverage(Uint8Array.from(bytes), { height: 2, width: 3, channels: 1 }, 1, into);
      assert.equal(into[0], mean);
    }
  });
});

describe('loadImages() at a size', () => {
  it('averages 28 × 28 pixels to 8 × 8 as if each were cut in four, and 7 × 7 of those averaged', () => {
    const [whole, small] = [loadImages(), loadImages(undefined, 8)];
    assert.deepEqual(small.shape, { height: 8, width: 8, channels: 1 });
    assert.deepEqual([small.classes, small.hashes], [whole.classes, whole.hashes]);
    for (const split of ['train', 'held-out', 'test'] as const) {
      const [from, to] = [whole.splits[split], small.splits[split]];
      assert.deepEqual([to.count, to.labels, to.pixels.length], [from.count, from.labels, 64 * from.count]);
      for (const image of [0, 77, from.count - 1]) {
        for (let pixel = 0; pixel < 64; pixel++) {
          let sum = 0;
          for (let i = 0; i < 49; i++) {
            const row = (7 * (pixel >> 3) + Math.floor(i / 7)) >> 1;
            sum += from.pixels[784 * image + 28 * row + ((7 * (pixel & 7) + (i % 7)) >> 1)]!;
          }
          assert.equal(to.pixels[64 * image + pixel], Math.round(sum / 49));
        }
      }
    }
  });

  it('keeps the mean of MNIST but for rounding, and the images themselves at their own size', () => {
    const meanOf = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;
    const { pixels } = loadImages().splits.test;
    const smaller = loadImages(undefined, 8).splits.test.pixels;
    assert.ok(Math.abs(meanOf(smaller) - meanOf(pixels)) < 0.02, `${meanOf(smaller)} for ${meanOf(pixels)}`);
    assert.ok(Buffer.from(loadImages(undefined, 28).splits.test.pixels).equals(Buffer.from(pixels)));
  });

  it('averages once: threads that start later have the same memory', async (context) => {
    const folder = writeFiles(temporaryFolder(context), mnistFiles({ training: 20, test: 5 }));
    const { pixels } = loadImages(folder, 8).splits.train;
    assert.equal(loadImages(folder, 8).splits.train.pixels, pixels);
    // another size, and none, are kept beside it
    loadImages(folder, 4);
    pixels[0] = 17;
    const script = `import(workerData.module).then(({ loadImages }) => {
      loadImages(workerData.folder, 8).splits.train.pixels[0] += 4;
    });`;
    const module = new URL('../../worker/problems/images/load.js', import.meta.url).href;
    const worker = new Worker(`const { workerData } = require('node:worker_threads'); ${script}`, {
      eval: true,
      workerData: { module, folder },
    });
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
    assert.equal(pixels[0], 21);
    writeFiles(folder, mnistFiles({ training: 21, test: 5 }));
    assert.notEqual(loadImages(folder, 8).splits.train.count, 17);
  });

  it('keeps the channels of a colour image apart', (context) => {
    const folder = writeFiles(temporaryFolder(context), cifarFiles(4));
    const [whole, small] = [loadImages(folder), loadImages(folder, 16)];
    assert.deepEqual(small.shape, { height: 16, width: 16, channels: 3 });
    const { pixels } = whole.splits.train;
    const at = valuesOf(whole.shape) + 2;
    const four = [0, 3, 96, 99].map((offset) => pixels[at + offset]!);
    assert.equal(small.splits.train.pixels[valuesOf(small.shape) + 2], Math.round(four.reduce((a, b) => a + b) / 4));
  });

  it('refuses a size that is larger than the images', (context) => {
    const folder = writeFiles(temporaryFolder(context), mnistFiles({ training: 12, test: 2, height: 9, width: 7 }));
    for (const load of [loadImages, readImageKind]) {
      assert.throws(() => load(folder, 8), {
        name: UsageError.name,
        message: 'Cannot average images: "size" must be at most 7, since the images have 9 × 7 pixels, got 8',
      });
    }
  });
});

for (const [name, tensors] of [
  ['mlp', 'layer_1/weights [64, 20], layer_1/biases [20], output/weights [20, 10], output/biases [10]'],
  ['autoencoder', 'layer_1/weights [64, 8], layer_1/biases [8], output/weights [8, 64], output/biases [64]'],
  [
    'conv',
    'layer_1/weights [3, 3, 1, 4], layer_1/biases [4], layer_2/weights [3, 3, 4, 8], layer_2/biases [8], output/weights [32, 10], output/biases [10]',
  ],
] as const) {
  test(`${name} has the tensors of smaller images`, async () => {
    const family = familyNamed(name);
    const options = optionValues(family, { size: '8' });
    assert.equal(tensorsText(parametersOf(await family.configure(options))), tensors);
    assert.equal(tensorsText(await family.parametersFor!(options)), tensors);
  });
}
