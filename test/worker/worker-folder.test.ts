import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configure } from '../../deploy/run/train-flags.js';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { silentLogger } from '../../shared/logger.js';
import type { ToCoordinator } from '../../shared/messages.js';
import { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { announcementOf } from '../fixtures/messages.js';

/** Where the coordinator's machine has the data: not a folder of this one. */
const THERE = '/nowhere/lopt-data';

/** What a worker says first to a run on these data, given the folder that it has them in itself. */
async function answerOf(data: string, here?: string): Promise<ToCoordinator> {
  const flags = { 'problem.folder': data, 'problem.batch': 2, 'problem.hidden': 2, layers: 2, unroll: 2 };
  const { config } = await configure('Cannot test', 'mlp', flags);
  const bus = new MemoryBus();
  const answer = new Promise<ToCoordinator>((resolve) => bus.onCoordinator(resolve));
  const pool = new Pool(1);
  const worker = new Worker({
    id: 'w',
    bus,
    pool,
    history: { phi: () => Promise.reject(new Error('there is no history')) },
    logger: silentLogger,
    ...(here === undefined ? {} : { folders: { folder: here } }),
  });
  try {
    const announced = { ...config, folders: { folder: THERE } };
    bus.toAllWorkers(announcementOf('r', { config: announced }));
    return await answer;
  } finally {
    await worker.close();
    await bus.close();
    await pool.close();
  }
}

test('a worker joins a run whose data lie elsewhere on its own machine', async (context) => {
  const data = writeFiles(temporaryFolder(context), mnistFiles({ training: 12, test: 2 }));
  const error = `Cannot read images from ${THERE}: there is no such folder`;
  assert.deepEqual(await answerOf(data), { type: 'goodbye', worker: 'w', error });
  assert.equal((await answerOf(data, data)).type, 'hello');
});

test('a worker refuses a run of other data than its own', async (context) => {
  const [data, here] = [12, 13].map((training) =>
    writeFiles(temporaryFolder(context), mnistFiles({ training, test: 2 })),
  ) as [string, string];
  const answer = await answerOf(data, here);
  assert.ok(answer.type === 'goodbye' && answer.error, answer.type);
  const sentence = `Cannot join the run: the file train-images-idx3-ubyte in ${here} must be that of the run, with SHA-256 `;
  assert.ok(answer.error.startsWith(sentence), answer.error);
});
