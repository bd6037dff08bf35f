import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { seedKey } from '../../shared/random.js';
import { imagesOf } from '../../worker/problems/images/image-set.js';
import { loadImages, readImageKind } from '../../worker/problems/images/load.js';
import { fillMinibatch, gatherMinibatches } from '../../worker/problems/images/minibatch.js';
import { assertFileError } from '../fixtures/damaged-files.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { cifarFiles, idxFile, mnistFiles, type Subset, writeFiles } from '../fixtures/image-folders.js';

const SMALL: Subset = { training: 20, test: 5 };

function folderOf(context: TestContext, files: ReadonlyMap<string, Buffer>): string {
  return writeFiles(temporaryFolder(context), files);
}

describe('loadImages() without a folder', () => {
  it('gives three disjoint splits of MNIST as published', () => {
    const { shape, classes, splits, hashes } = loadImages();
    assert.deepEqual([shape, classes], [{ height: 28, width: 28, channels: 1 }, 10]);
    assert.deepEqual([splits.train.count, splits['held-out'].count, splits.test.count], [50_000, 10_000, 10_000]);
    for (const { count, pixels, labels } of Object.values(splits)) {
      assert.deepEqual([pixels.length, labels.length], [784 * count, count]);
      assert.deepEqual(new Set(labels), new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    }
    assert.equal(splits.train.labels[0], 5);
    assert.equal(splits.test.labels[0], 7);
    // held-out begins where train ends; the test images are another file's
    const { pixels } = splits.train;
    assert.equal(splits['held-out'].pixels.buffer, pixels.buffer);
    assert.equal(splits['held-out'].pixels.byteOffset, pixels.byteOffset + pixels.length);
    assert.notEqual(splits.test.pixels.buffer, pixels.buffer);
    // both parts of train, one after the other, are all of it
    const partOf = (part: 'inner' | 'outer') => imagesOf(loadImages(), { split: 'train', part });
    const [inner, outer] = [partOf('inner'), partOf('outer')];
    assert.deepEqual([inner.count, outer.count], [45_000, 5000]);
    assert.equal(inner.pixels.byteOffset, pixels.byteOffset);
    assert.equal(outer.pixels.byteOffset, inner.pixels.byteOffset + inner.pixels.length);
    assert.deepEqual([outer.labels.length, outer.labels[4999]], [5000, splits.train.labels[49_999]]);
    // the mean pixel of the training images is known to be 0.1307
    assert.ok(Math.abs(pixels.reduce((sum, byte) => sum + byte, 0) / pixels.length / 255 - 0.1307) < 0.001);
    assert.equal(Object.keys(hashes).length, 4);
    assert.match(hashes['train-images-idx3-ubyte']!, /^ba891046e6505d7a/);
  });

  it('reads the files once: threads that start later have the same memory', async (context) => {
    const folder = folderOf(context, mnistFiles(SMALL));
    const { pixels } = loadImages(folder).splits.train;
    assert.equal(loadImages(folder).splits.train.pixels, pixels);
    pixels[0] = 17;
    const script = `import(workerData.module).then(({ loadImages }) => {
      const { pixels } = loadImages(workerData.folder).splits.train;
      pixels[0] += 4;
    });`;
    const module = new URL('../../worker/problems/images/load.js', import.meta.url).href;
    const worker = new Worker(`const { workerData } = require('node:worker_threads'); ${script}`, {
      eval: true,
      workerData: { module, folder },
    });
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
    assert.equal(pixels[0], 21);
  });

  it('reads files again that have changed', (context) => {
    const folder = folderOf(context, mnistFiles(SMALL));
    const before = loadImages(folder);
    writeFiles(folder, mnistFiles({ ...SMALL, training: 21 }));
    assert.notDeepEqual(loadImages(folder).hashes, before.hashes);
  });
});

describe('loadImages() of idx files', () => {
  it('takes images of any size and number, and holds out the last sixth', (context) => {
    const files = mnistFiles({ training: 20, test: 5, height: 9, width: 7, classes: 4 });
    const { shape, classes, splits } = loadImages(folderOf(context, files));
    assert.deepEqual([shape, classes], [{ height: 9, width: 7, channels: 1 }, 4]);
    assert.deepEqual([splits.train.count, splits['held-out'].count, splits.test.count], [17, 3, 5]);
    const content = files.get('train-images-idx3-ubyte')!.subarray(16);
    assert.deepEqual(Buffer.from(splits.train.pixels), content.subarray(0, 17 * 63));
    assert.deepEqual(Buffer.from(splits['held-out'].pixels), content.subarray(17 * 63));
    assert.deepEqual(Buffer.from(splits['held-out'].labels), files.get('train-labels-idx1-ubyte')!.subarray(8 + 17));
    assert.deepEqual(Buffer.from(splits.test.pixels), files.get('t10k-images-idx3-ubyte')!.subarray(16));
  });

  it('gives the same images and the same hashes, those of the unpacked files, where they are compressed', (context) => {
    const files = mnistFiles(SMALL);
    const plain = loadImages(folderOf(context, files));
    const packed = loadImages(
      folderOf(context, new Map([...files].map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]))),
    );
    assert.deepEqual(packed, plain);
    for (const [name, bytes] of files) {
      assert.equal(plain.hashes[name], createHash('sha256').update(bytes).digest('hex'));
    }
  });

  const labels = (...values: number[]) => idxFile([values.length], Uint8Array.from(values));
  const wrong: [name: string, file: string, bytes: Buffer, sentence: string][] = [
    [
      'an empty file',
      'train-labels-idx1-ubyte',
      Buffer.alloc(0),
      'must begin with an idx header of 8 bytes, and has 0',
    ],
    [
      'labels for images',
      'train-images-idx3-ubyte',
      idxFile([20], Buffer.alloc(20)),
      'must begin with 0x00000803, as idx files of bytes in 3 dimensions do, got 0x00000801',
    ],
    [
      'a truncated file',
      't10k-images-idx3-ubyte',
      idxFile([5, 28, 28], Buffer.alloc(5 * 784 - 1)),
      'must be 3936 bytes long, as its header says, got 3935',
    ],
    [
      'images without pixels',
      'train-images-idx3-ubyte',
      idxFile([20, 0, 28], Buffer.alloc(0)),
      'must hold images of 1 to 1048576 pixels, got 0 × 28',
    ],
    ['too few labels', 't10k-labels-idx1-ubyte', labels(1, 2), 'must hold a label for each of the 5 images, got 2'],
    [
      'a class that is not trained on',
      't10k-labels-idx1-ubyte',
      labels(1, 2, 3, 4, 200),
      'must hold labels from 0 to 9, got 200',
    ],
  ];
  for (const [name, file, bytes, sentence] of wrong) {
    it(`says in one sentence what is wrong: ${name}`, (context) => {
      const folder = folderOf(context, new Map([...mnistFiles(SMALL), [file, bytes]]));
      const path = join(folder, file);
      const { message } = assertFileError(() => loadImages(folder), path);
      assert.equal(message, `Cannot read images: ${path} ${sentence}`);
    });
  }

  it('says in one sentence that the images to test on have another size', (context) => {
    const tested = [...mnistFiles({ ...SMALL, height: 9, width: 7 })].filter(([name]) => name.startsWith('t10k'));
    const folder = folderOf(context, new Map([...mnistFiles(SMALL), ...tested]));
    const path = join(folder, 't10k-images-idx3-ubyte');
    assert.equal(
      assertFileError(() => loadImages(folder), path).message,
      `Cannot read images: ${path} must hold images of 28 × 28 pixels, as ${join(folder, 'train-images-idx3-ubyte')} does, got 9 × 7`,
    );
  });

  it('says in one sentence that a compressed file is damaged', (context) => {
    const files = mnistFiles(SMALL);
    const packed = gzipSync(files.get('train-labels-idx1-ubyte')!);
    files.delete('train-labels-idx1-ubyte');
    files.set('train-labels-idx1-ubyte.gz', packed.subarray(0, -12));
    const folder = folderOf(context, files);
    const { message } = assertFileError(() => loadImages(folder), join(folder, 'train-labels-idx1-ubyte.gz'));
    assert.match(message, / must be whole and compressed by gzip \(.*\)$/);
  });
});

describe('loadImages() of compressed files', () => {
  /** Small MNIST files of which one is replaced by this compressed one. */
  function withPacked(context: TestContext, name: string, packed: Buffer) {
    const files = mnistFiles(SMALL);
    files.delete(name);
    files.set(`${name}.gz`, packed);
    const folder = folderOf(context, files);
    return { folder, path: join(folder, `${name}.gz`) };
  }
  const MEBIBYTE = gzipSync(Buffer.alloc(2 ** 20));
  // bytes that unpack to nothing that zlib knows: whoever comes to them has gone too far
  const END = Buffer.alloc(64, 0x1f);

  it('stops where the header says that the content ends', (context) => {
    for (const [name, content, length] of [
      ['train-images-idx3-ubyte', idxFile([10, 28, 28], Buffer.alloc(7840)), 7856],
      ['t10k-labels-idx1-ubyte', idxFile([5], Buffer.alloc(5)), 13],
    ] as const) {
      const bomb = Buffer.concat([gzipSync(content), ...Array<Buffer>(8).fill(MEBIBYTE), END]);
      const { folder, path } = withPacked(context, name, bomb);
      const sentence = `Cannot read images: ${path} must be ${length} bytes long, as its header says, and is longer`;
      assert.equal(assertFileError(() => loadImages(folder), path).message, sentence);
    }
    const labels = 'train-labels-idx1-ubyte';
    const bomb = Buffer.concat([gzipSync(idxFile([20], Buffer.alloc(20))), MEBIBYTE, END]);
    const { folder, path } = withPacked(context, labels, bomb);
    assert.match(
      assertFileError(() => readImageKind(folder), path).message,
      /must be 28 bytes long, .* and is longer$/,
    );
  });

  it('looks at no more than the beginning of images whose size alone is wanted', (context) => {
    const packed = Buffer.concat([gzipSync(idxFile([20, 9, 7], Buffer.alloc(1260))), MEBIBYTE, END]);
    const { folder } = withPacked(context, 'train-images-idx3-ubyte', packed);
    assert.deepEqual(readImageKind(folder).shape, { height: 9, width: 7, channels: 1 });
  });

  it('takes a header that is compressed with a long name before it, and none of which nothing comes', (context) => {
    const [name, content] = ['t10k-labels-idx1-ubyte', idxFile([5], Buffer.alloc(5))] as const;
    // the flag of a comment (RFC 1952), which follows the ten bytes of the header and ends with 0
    const commented = (length: number) => {
      const packed = gzipSync(content);
      const [head, rest] = [packed.subarray(0, 10), packed.subarray(10)];
      head[3] = 0x10;
      return Buffer.concat([head, Buffer.alloc(length, 'x'), Buffer.alloc(1), rest]);
    };
    loadImages(withPacked(context, name, commented(100_000)).folder);
    const { folder, path } = withPacked(context, name, commented(1_000_000));
    assert.match(
      assertFileError(() => loadImages(folder), path).message,
      / compressed by gzip \(nothing is in its first/,
    );
  });

  it('stops at a length that no file has, if the header says more or there is none', (context) => {
    const atMost = (path: string, bytes: number, found: string) =>
      `Cannot read images: ${path} must be at most ${bytes} bytes long if it is compressed, and ${found}; decompress it`;
    const images = gzipSync(idxFile([2 ** 31, 28, 28], Buffer.alloc(0)));
    const { folder, path } = withPacked(context, 'train-images-idx3-ubyte', images);
    const said = `its header says ${2 ** 31 * 784 + 16}`;
    assert.equal(assertFileError(() => loadImages(folder), path).message, atMost(path, 2 ** 30, said));

    const files = cifarFiles(4);
    files.delete('test_batch.bin');
    files.set('test_batch.bin.gz', Buffer.concat([...Array<Buffer>(257).fill(MEBIBYTE), END]));
    const cifar = folderOf(context, files);
    const batch = join(cifar, 'test_batch.bin.gz');
    assert.equal(assertFileError(() => loadImages(cifar), batch).message, atMost(batch, 2 ** 28, 'is longer'));
  });
});

describe('loadImages() of the binary files of CIFAR-10', () => {
  it('takes the records of all batches in order, and puts the channels last', (context) => {
    const files = cifarFiles(4);
    const { shape, classes, splits, hashes } = loadImages(folderOf(context, files));
    assert.deepEqual([shape, classes], [{ height: 32, width: 32, channels: 3 }, 10]);
    assert.deepEqual([splits.train.count, splits['held-out'].count, splits.test.count], [17, 3, 4]);
    assert.deepEqual(Object.keys(hashes), [...files.keys()]);
    // image 17 of the 20 is the second one of the last batch, and the first that is held out
    const record = files.get('data_batch_5.bin')!.subarray(3073, 2 * 3073);
    const { pixels, labels } = splits['held-out'];
    assert.equal(labels[0], record[0]);
    for (const [row, column, channel] of [
      [0, 0, 0],
      [0, 1, 0],
      [31, 31, 2],
      [5, 20, 1],
    ] as const) {
      assert.equal(pixels[(row * 32 + column) * 3 + channel], record[1 + channel * 1024 + row * 32 + column]);
    }
    const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0);
    assert.equal(sum(splits.test.pixels) + sum(splits.test.labels), sum(files.get('test_batch.bin')!));
  });

  it('says in one sentence what is wrong', (context) => {
    const files = cifarFiles(4);
    const folder = folderOf(context, files);
    const path = join(folder, 'data_batch_3.bin');
    writeFileSync(path, files.get('data_batch_3.bin')!.subarray(0, -1));
    assert.equal(
      assertFileError(() => loadImages(folder), path).message,
      `Cannot read images: ${path} must be whole records of 3073 bytes, got 12291 bytes`,
    );
    const changed = Buffer.from(files.get('data_batch_3.bin')!);
    changed[3073] = 10;
    writeFileSync(path, changed);
    assert.equal(
      assertFileError(() => loadImages(folder), path).message,
      `Cannot read images: ${path} must hold labels from 0 to 9, got 10`,
    );
  });
});

describe('loadImages() says in one sentence which folder cannot be used', () => {
  const formats =
    "the files of MNIST's idx format (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, " +
    "t10k-labels-idx1-ubyte) or the files of CIFAR-10's binary format (data_batch_1.bin, data_batch_2.bin, " +
    'data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, test_batch.bin)';
  const refused = (folder: string, what: string) => {
    const { message } = assertFileError(() => loadImages(folder), folder);
    assert.equal(message, `Cannot read images from ${folder}: ${what}`);
  };

  it('one that is not there', (context) => {
    refused(join(temporaryFolder(context), 'nowhere'), 'there is no such folder');
  });

  it('one of neither format', (context) => {
    refused(temporaryFolder(context), `it must hold ${formats}, and holds neither`);
  });

  it('one of both formats', (context) => {
    const folder = folderOf(context, new Map([...mnistFiles(SMALL), ...cifarFiles(4)]));
    refused(folder, `it must hold ${formats}, and holds both`);
  });

  it('one that lacks a file', (context) => {
    const idx = folderOf(context, mnistFiles(SMALL));
    unlinkSync(join(idx, 't10k-labels-idx1-ubyte'));
    refused(idx, 'it must hold t10k-labels-idx1-ubyte, which is missing');
    const cifar = folderOf(context, cifarFiles(4));
    unlinkSync(join(cifar, 'data_batch_2.bin'));
    refused(cifar, 'it must hold data_batch_2.bin, which is missing');
  });

  it('one with too few images for three splits', (context) => {
    const needed = 'it must hold at least 6 images to train on and 1 to test on';
    refused(folderOf(context, mnistFiles({ training: 5, test: 2 })), `${needed}, and holds 5 and 2`);
    refused(folderOf(context, mnistFiles({ training: 6, test: 0 })), `${needed}, and holds 6 and 0`);
  });

  it('one in which a file is a folder', (context) => {
    const folder = folderOf(context, mnistFiles(SMALL));
    const path = join(folder, 'train-images-idx3-ubyte');
    rmSync(path);
    mkdirSync(path);
    assert.match(
      assertFileError(() => loadImages(folder), path).message,
      /^Cannot read images from .*: it is a folder$/,
    );
  });
});

test('fillMinibatch() draws from the whole split, by step and problem', () => {
  const draw = (problem: number, step: number) => {
    const out = new Uint32Array(1000);
    fillMinibatch(seedKey(3), problem, step, 50_000, out);
    return out;
  };
  assert.deepEqual(draw(1, 2), draw(1, 2));
  assert.notDeepEqual(draw(1, 2), draw(2, 1));
  assert.ok(Math.max(...draw(0, 0)) < 50_000 && Math.max(...draw(0, 0)) > 49_000);
});

test('gatherMinibatches() gives every problem the images that fillMinibatch() draws', () => {
  const images = loadImages();
  const key = seedKey(4);
  const { pixels, labels } = gatherMinibatches(
    images,
    { count: 2, data: new Float32Array(0), key, split: 'test' },
    5,
    3,
  );
  const drawn = new Uint32Array(3);
  fillMinibatch(key, 1, 5, 10_000, drawn);
  const image = drawn[2]!;
  assert.equal(labels[5], images.splits.test.labels[image]);
  const bytes = images.splits.test.pixels.subarray(784 * image, 784 * (image + 1));
  assert.deepEqual(
    pixels.subarray(784 * 5),
    Float32Array.from(bytes, (byte) => byte / 255),
  );
});
