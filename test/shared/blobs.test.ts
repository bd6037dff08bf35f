import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ObjectBlobs } from '../../shared/nats/object-blobs.js';
import { testBlobStore } from '../contracts/blob-store.js';
import { blobStores } from '../fixtures/blob-stores.js';
import { jetStreamOf, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

for (const store of blobStores(server)) testBlobStore(store);

describe('ObjectBlobs', { skip: WITHOUT_NATS }, () => {
  it('keeps the folders of one store apart, and leaves nothing of what it removed', async (test) => {
    const jetStream = await jetStreamOf(test, server!);
    const [first, second] = ['0', '1'].map((folder) => new ObjectBlobs({ jetStream, bucket: 'folders', folder }));
    await first!.write('a', Buffer.from('first'));
    await second!.write('a', Buffer.from('second'));
    await second!.write('b', Buffer.alloc(300_000));
    assert.deepEqual([await first!.names(), (await second!.names()).sort()], [['a'], ['a', 'b']]);
    assert.equal((await first!.read('a')).toString(), 'first');
    await first!.remove('a');
    await second!.remove('b');
    assert.equal((await second!.read('a')).toString(), 'second');
    const { state } = await jetStream.demand('Cannot test', ({ manager }) => manager.streams.info('OBJ_folders'));
    assert.equal(state.messages, 2, 'one chunk and one description');
  });

  it('is an object store to the client and its tools', async (test) => {
    const jetStream = await jetStreamOf(test, server!);
    await new ObjectBlobs({ jetStream, bucket: 'tools', folder: '0' }).write('a', Buffer.from('for all'));
    const store = await jetStream.demand('Cannot test', ({ client }) => client.views.os('tools'));
    assert.deepEqual(
      (await store.list()).map(({ name }) => name),
      ['0/a'],
    );
    assert.equal(Buffer.from((await store.getBlob('0/a'))!).toString(), 'for all');
  });

  it('loses nothing where the server is killed', async (test) => {
    const own = await TestServer.start();
    test.after(() => own.remove());
    const blobs = new ObjectBlobs({ jetStream: await jetStreamOf(test, own), bucket: 'killed', folder: '0' });
    await blobs.write('before', Buffer.alloc(300_000, 1));
    await own.kill();
    const writing = blobs.write('meanwhile', Buffer.alloc(300_000, 2));
    const reading = blobs.read('before');
    await own.start();
    await writing;
    assert.deepEqual(await reading, Buffer.alloc(300_000, 1));
    assert.deepEqual(await blobs.read('meanwhile'), Buffer.alloc(300_000, 2));
    assert.deepEqual((await blobs.names()).sort(), ['before', 'meanwhile']);
  });
});
