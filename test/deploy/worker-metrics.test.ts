import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator } from '../../coordinator/coordinator.js';
import { WorkerMetrics } from '../../deploy/operations/worker-metrics.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { digestOf, VERSION } from '../../shared/config.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { silentLogger } from '../../shared/logger.js';
import { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { SMALL_FLAGS, SMALL_ROUNDS, smallRun, startOf } from '../e2e/harness.js';
import { type Family, parseExposition, sampleOf } from '../fixtures/exposition.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { announcementOf } from '../fixtures/messages.js';

const RUN = { run: 'demo' };

describe('WorkerMetrics', () => {
  it('count what a worker computes, from the moment it has joined until the run is over', async (test) => {
    const folder = temporaryFolder(test);
    const { config } = await smallRun();
    const [bus, journal, pool] = [new MemoryBus(), new FileJournal(join(folder, 'journal')), new Pool(2)];
    test.after(() => Promise.all([pool.close(), journal.close(), bus.close()]));
    const metrics = new WorkerMetrics(pool);
    const scrape = async () => parseExposition(await metrics.registry.metrics());
    const idle = await scrape();
    assert.equal(metrics.joined(), 'it works for no run');
    assert.equal(sampleOf(idle, 'lopt_worker_threads'), 2);
    assert.equal(sampleOf(idle, 'lopt_build_info', { version: VERSION, engine: 'none', node: process.version }), 1);

    const worker = new Worker({ id: 'w1', bus, pool, history: journal, logger: silentLogger, observer: metrics });
    let midway: Promise<Map<string, Family>> | undefined;
    let reasonMidway: string | undefined;
    let replayed = 0;
    const coordinator = new Coordinator({
      run: 'demo',
      config,
      digest: digestOf(config),
      bus,
      journal,
      checkpoints: new Checkpoints(new FolderBlobs(join(folder, 'checkpoints'))),
      phi: startOf(config),
      goal: { rounds: SMALL_ROUNDS },
      logger: silentLogger,
      observer: {
        round({ round }, measures) {
          replayed += measures.replayed;
          if (round !== 7) return;
          midway = scrape();
          reasonMidway = metrics.joined();
          // a round is being computed: its shards are replayed
          void pool.terminateThread(0);
          void pool.terminateThread(1);
        },
      },
    });
    await coordinator.run();
    assert.equal(reasonMidway, undefined);
    const then = (await midway)!;
    assert.equal(sampleOf(then, 'lopt_worker_shards', RUN), SMALL_FLAGS.shards);
    assert.equal(sampleOf(then, 'lopt_build_info', { version: VERSION, engine: 'native', node: process.version }), 1);
    assert.equal(then.get('lopt_build_info')!.samples.length, 1);

    await worker.close();
    const families = await scrape();
    assert.equal(sampleOf(families, 'lopt_worker_windows_total', RUN), SMALL_ROUNDS * SMALL_FLAGS.shards);
    assert.equal(sampleOf(families, 'lopt_worker_round_duration_seconds_count', RUN), SMALL_ROUNDS);
    assert.ok(sampleOf(families, 'lopt_worker_round_duration_seconds_sum', RUN) > 0);
    // the coordinator adds up what the results say
    assert.equal(sampleOf(families, 'lopt_worker_replayed_windows_total', RUN), replayed);
    assert.equal(sampleOf(families, 'lopt_worker_lost_threads_total'), pool.lost);
    assert.deepEqual(families.get('lopt_worker_shards')!.samples, []);
    assert.equal(metrics.joined(), 'it works for no run');
  });

  it('count apart what belongs to another run', async () => {
    const { config } = await smallRun();
    const metrics = new WorkerMetrics({ threads: 1, lost: 0 });
    metrics.ordered(announcementOf('a', { config }), 13);
    metrics.computed(1, { windows: 13, replayed: 0, seconds: 0.1 });
    metrics.ordered(announcementOf('b', { config }), 5);
    metrics.computed(1, { windows: 5, replayed: 2, seconds: 0.1 });
    metrics.released();
    // what was under way
    metrics.computed(2, { windows: 5, replayed: 0, seconds: 0.1 });
    const families = parseExposition(await metrics.registry.metrics());
    assert.equal(sampleOf(families, 'lopt_worker_windows_total', { run: 'a' }), 13);
    assert.equal(sampleOf(families, 'lopt_worker_windows_total', { run: 'b' }), 5);
    assert.equal(sampleOf(families, 'lopt_worker_replayed_windows_total', { run: 'a' }), 0);
    assert.equal(sampleOf(families, 'lopt_worker_replayed_windows_total', { run: 'b' }), 2);
  });
});
