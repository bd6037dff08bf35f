import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Checkpoint, Checkpoints } from '../../coordinator/checkpoint.js';
import { initialLearner, learn } from '../../coordinator/learner.js';
import { Aside } from '../../shared/aside.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { blobStores } from '../fixtures/blob-stores.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { runConfig } from '../fixtures/run-config.js';

const CONFIG = runConfig();

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

/** A checkpoint whose state has everything in it. */
function checkpointOf(round: number, term = 1, digest = 'mine'): Checkpoint {
  const phi = Float64Array.of(round / 3, -0, 1e-300, Math.PI);
  const start = { ...initialLearner(phi, CONFIG), best: { round: 0, score: null, phi: Float32Array.of(1, 2, 3, 4) } };
  const sum = { metaGradient: Float32Array.of(1, 2, 3, 4), healthy: 3, problems: 4, loss: 1, finalLoss: 1 };
  const decisions = [{ type: 'plan', rounds: 9 } as const];
  const { state } = learn({ ...start, round: round - 1 }, { ...sum, decisions }, CONFIG, term);
  return { digest, term, learner: state };
}

for (const { name, skip = false, create } of blobStores(server)) {
  describe(`Checkpoints, in: ${name}`, { skip }, () => {
    it('read() gives back what was written, to the bit', async (test) => {
      const open = await create(test);
      const checkpoints = new Checkpoints(await open());
      assert.deepEqual(await checkpoints.read('mine'), { checkpoints: [], damaged: [] });
      await checkpoints.write(checkpointOf(7));
      const expected = { checkpoints: [checkpointOf(7)], damaged: [] };
      assert.deepEqual(await checkpoints.read('mine'), expected);
      assert.deepEqual(await new Checkpoints(await open()).read('mine'), expected);
    });

    it('write() keeps the last two by round, then term, and never overwrites another one', async (test) => {
      const blobs = await (await create(test))();
      const checkpoints = new Checkpoints(blobs);
      for (const [round, term] of [
        [9, 1],
        [10, 1],
        [100, 1],
        [100, 2],
        [100, 10],
      ] as const) {
        await checkpoints.write(checkpointOf(round, term));
      }
      const { checkpoints: kept } = await checkpoints.read('mine');
      assert.deepEqual(kept, [checkpointOf(100, 10), checkpointOf(100, 2)]);
      assert.deepEqual((await blobs.names()).sort(), [
        'checkpoint-000000000100-10.bin',
        'checkpoint-000000000100-2.bin',
      ]);
    });

    it('read() skips a damaged one, torn or changed, with a sentence that names it', async (test) => {
      const blobs = await (await create(test))();
      const checkpoints = new Checkpoints(blobs);
      await checkpoints.write(checkpointOf(3));
      await checkpoints.write(checkpointOf(6));
      const newest = 'checkpoint-000000000006-1.bin';
      const whole = await blobs.read(newest);
      const changed = Buffer.from(whole);
      changed[whole.length - 20]! ^= 1;
      for (const bytes of [
        changed,
        whole.subarray(0, whole.length - 1),
        whole.subarray(0, 5),
        Buffer.alloc(0),
        Buffer.alloc(99),
      ]) {
        await blobs.write(newest, bytes);
        const found = await checkpoints.read('mine');
        assert.deepEqual(found.checkpoints, [checkpointOf(3)]);
        assert.deepEqual(found.damaged, [`Cannot read the checkpoint ${blobs.placeOf(newest)}: it is damaged`]);
      }
    });

    it('read() skips one of another configuration with a sentence', async (test) => {
      const blobs = await (await create(test))();
      const checkpoints = new Checkpoints(blobs);
      await checkpoints.write(checkpointOf(3, 1, 'other'));
      await checkpoints.write(checkpointOf(6));
      const found = await checkpoints.read('mine');
      assert.deepEqual(found.checkpoints, [checkpointOf(6)]);
      const place = blobs.placeOf('checkpoint-000000000003-1.bin');
      assert.deepEqual(found.damaged, [`Cannot use the checkpoint ${place}: it is of another configuration`]);
    });

    it('dropAbove() drops those beyond a round', async (test) => {
      const checkpoints = new Checkpoints(await (await create(test))());
      for (const round of [6, 9]) await checkpoints.write(checkpointOf(round));
      await checkpoints.dropAbove(9);
      assert.deepEqual((await checkpoints.read('mine')).checkpoints, [checkpointOf(9), checkpointOf(6)]);
      await checkpoints.dropAbove(8);
      assert.deepEqual((await checkpoints.read('mine')).checkpoints, [checkpointOf(6)]);
    });

    it('leaves blobs of other names alone', async (test) => {
      const blobs = await (await create(test))();
      const names = ['notes.txt', 'checkpoint-1-1.bin', 'checkpoint-000000000001-1.bin.other'];
      for (const each of names) await blobs.write(each, Buffer.from('not of lopt'));
      const checkpoints = new Checkpoints(blobs);
      for (const round of [1, 2, 3]) await checkpoints.write(checkpointOf(round));
      assert.deepEqual(
        (await checkpoints.read('mine')).checkpoints.map(({ learner }) => learner.round),
        [3, 2],
      );
      const left = await blobs.names();
      for (const each of names) assert.ok(left.includes(each), each);
    });
  });
}

describe('Checkpoints, in two stores', () => {
  it('write() and dropAbove() do the same in both, and read() takes each from whichever has it whole', async (test) => {
    const folders = [temporaryFolder(test), temporaryFolder(test)];
    const [first, second] = folders.map((folder) => new FolderBlobs(folder)) as [FolderBlobs, FolderBlobs];
    const both = new Checkpoints(first, second);
    for (const round of [3, 6, 9]) await both.write(checkpointOf(round));
    for (const store of [first, second]) {
      assert.deepEqual((await new Checkpoints(store).read('mine')).checkpoints, [checkpointOf(9), checkpointOf(6)]);
    }
    await first.remove('checkpoint-000000000009-1.bin');
    await first.write('checkpoint-000000000006-1.bin', Buffer.alloc(9));
    await new Checkpoints(first).write(checkpointOf(6, 2));
    const found = await both.read('mine');
    assert.deepEqual(found.checkpoints, [checkpointOf(9), checkpointOf(6, 2), checkpointOf(6)]);
    const place = first.placeOf('checkpoint-000000000006-1.bin');
    assert.deepEqual(found.damaged, [`Cannot read the checkpoint ${place}: it is damaged`]);
    await both.dropAbove(5);
    assert.deepEqual(await both.read('mine'), { checkpoints: [], damaged: [] });
  });

  it('keep those of an earlier process aside when it drops them, and its own not', async (test) => {
    const [folder, aside] = [temporaryFolder(test), temporaryFolder(test)];
    const kept = () => readdirSync(join(aside, 'checkpoints')).sort();
    const open = () => new Checkpoints(new FolderBlobs(folder, new Aside(aside).group('checkpoints')));
    const earlier = open();
    for (const round of [3, 6, 9]) await earlier.write(checkpointOf(round));
    assert.deepEqual(readdirSync(aside), []);
    const later = open();
    await later.dropAbove(8);
    assert.deepEqual(kept(), ['checkpoint-000000000009-1.bin']);
    for (const round of [7, 8, 9]) await later.write(checkpointOf(round, 2));
    assert.deepEqual(kept(), ['checkpoint-000000000006-1.bin', 'checkpoint-000000000009-1.bin']);
    // a generation deep
    await open().dropAbove(8);
    assert.deepEqual(kept(), ['checkpoint-000000000009-2.bin']);
  });
});
