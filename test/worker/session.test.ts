import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../shared/config.js';
import { LoptError } from '../../shared/errors.js';
import { familyNamed, optionValues, separateFolders } from '../../worker/problems/registry.js';
import { keepSessions, sessionOf } from '../../worker/session.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { runConfig } from '../fixtures/run-config.js';

test('sessionOf() refuses a folder whose files are not those of the configuration', async (context) => {
  const folder = writeFiles(temporaryFolder(context), mnistFiles({ training: 12, test: 2 }));
  const other = writeFiles(temporaryFolder(context), mnistFiles({ training: 13, test: 2 }));
  const family = familyNamed('mlp');
  const values = optionValues(family, { folder, batch: 2 });
  const { options: problemOptions, folders } = separateFolders(family, values);
  const dataHashes = (await family.configure(values)).dataHashes!;
  const config = runConfig({ problem: 'mlp', problemOptions, folders, dataHashes });
  const digest = digestOf(config);
  const elsewhere = { ...config, folders: { folder: other } };
  assert.equal(digestOf(elsewhere), digest);
  await assert.rejects(sessionOf({ digest: `${digest} elsewhere`, config: elsewhere }), (error) => {
    assert.ok(error instanceof LoptError);
    const file = `the file train-images-idx3-ubyte in ${other}`;
    const expected = dataHashes['train-images-idx3-ubyte'];
    assert.ok(
      error.message.startsWith(`Cannot join the run: ${file} must be that of the run, with SHA-256 ${expected}, got `),
      error.message,
    );
    return true;
  });
  const { problems } = await sessionOf({ digest, config });
  assert.deepEqual(problems.dataHashes, dataHashes);
});

test('keepSessions() closes the engines of all configurations but those that are worked on', async () => {
  const configs = [1, 2, 3].map((seed) => runConfig({ seed }));
  const ids = configs.map((config) => ({ digest: digestOf(config), config }));
  const closed: number[] = [];
  const opened = await Promise.all(ids.map((id) => sessionOf(id)));
  for (const session of opened) {
    const { config } = session;
    const engine = await session.engine();
    const close = engine.close.bind(engine);
    engine.close = () => {
      closed.push(config.seed);
      close();
    };
  }
  await keepSessions([ids[1]!.digest]);
  assert.deepEqual(closed.sort(), [1, 3]);
  assert.equal(await sessionOf(ids[1]!), opened[1]);
  assert.notEqual(await sessionOf(ids[0]!), opened[0]);
});
