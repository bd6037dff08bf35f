/** What every store of blobs must do; run on each implementation. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { BlobStore } from '../../shared/blobs/blob-store.js';
import { LoptError } from '../../shared/errors.js';
import { fillUniform, foldIn, seedKey } from '../../shared/random.js';

/** What the suite needs to know of a store. */
export interface BlobStoreUnderTest {
  name: string;
  /** Why the suite cannot run here. */
  skip?: string | false;
  /** Makes the place of a store that is empty at first; each call opens it anew. */
  create(test: TestContext): Promise<() => Promise<BlobStore>>;
}

function blobOf(seed: number, length: number): Buffer {
  const values = new Float32Array(length);
  fillUniform(foldIn(seedKey(9), seed), values, 0, 256);
  return Buffer.from(values);
}

/** The contract. */
export function testBlobStore(under: BlobStoreUnderTest): void {
  describe(`${under.name} blobs`, { skip: under.skip ?? false }, () => {
    it('is empty at first, and has nothing to read or remove', async (test) => {
      const blobs = await (await under.create(test))();
      assert.deepEqual(await blobs.names(), []);
      await blobs.remove('a.bin');
      await assert.rejects(blobs.read('a.bin'), (error) => {
        assert.ok(error instanceof LoptError);
        assert.match(error.message, /^Cannot read [^\n]*a\.bin/);
        return true;
      });
      assert.match(blobs.placeOf('a.bin'), /a\.bin/);
    });

    it('gives back what was written, of any size, also when it is opened again', async (test) => {
      const open = await under.create(test);
      const blobs = await open();
      const sizes = [0, 1, 1000, 131_072, 131_073, 700_000];
      for (const [i, size] of sizes.entries()) await blobs.write(`blob-${i}.bin`, blobOf(i, size));
      for (const each of [blobs, await open()]) {
        assert.deepEqual(
          (await each.names()).sort(),
          sizes.map((_, i) => `blob-${i}.bin`),
        );
        for (const [i, size] of sizes.entries()) assert.deepEqual(await each.read(`blob-${i}.bin`), blobOf(i, size));
      }
    });

    it('replaces what has the same name, and removes what it is told to', async (test) => {
      const open = await under.create(test);
      const blobs = await open();
      for (const i of [1, 2, 3]) await blobs.write(`blob-${i}.bin`, blobOf(i, 200_000));
      await blobs.write('blob-2.bin', blobOf(7, 500));
      await blobs.remove('blob-1.bin');
      await blobs.remove('blob-1.bin');
      assert.deepEqual((await blobs.names()).sort(), ['blob-2.bin', 'blob-3.bin']);
      assert.deepEqual(await blobs.read('blob-2.bin'), blobOf(7, 500));
      assert.deepEqual(await blobs.read('blob-3.bin'), blobOf(3, 200_000));
      await assert.rejects(blobs.read('blob-1.bin'), LoptError);
      await blobs.write('blob-1.bin', blobOf(8, 10));
      assert.deepEqual(await (await open()).read('blob-1.bin'), blobOf(8, 10));
    });
  });
}
