import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator } from '../../coordinator/coordinator.js';
import type { RunObserver } from '../../coordinator/observer.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import type { Bus } from '../../shared/bus/bus.js';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { digestOf } from '../../shared/config.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { silentLogger } from '../../shared/logger.js';
import { encodePhi } from '../../shared/phi-format.js';
import { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { SMALL_ROUNDS, seededRandom, sha256, smallRun, startOf, trainSmall } from './harness.js';
import { UnreliableBus } from './unreliable-bus.js';

/** φ of the undisturbed run with one thread. */
let expected = '';

/** Workers in this process on one bus, with a thread each. */
class Cluster {
  readonly bus: Bus;
  readonly journal: FileJournal;
  readonly #workers = new Map<string, { worker: Worker; pool: Pool }>();
  #started = 0;
  #closed = false;

  constructor(bus: Bus, journal: FileJournal) {
    this.bus = bus;
    this.journal = journal;
  }

  get names(): string[] {
    return [...this.#workers.keys()];
  }

  /** A new worker, whose thread is ready when it says hello. */
  async join(): Promise<void> {
    const id = `w${this.#started++}`;
    const pool = new Pool(1);
    const { bus, journal } = this;
    const { config } = await smallRun();
    await pool.fingerprint({ digest: digestOf(config), config });
    if (this.#closed) return pool.close();
    this.#workers.set(id, { pool, worker: new Worker({ id, bus, pool, history: journal, logger: silentLogger }) });
  }

  /** Leaves as by SIGTERM. */
  async drain(name: string): Promise<void> {
    const { worker, pool } = this.#take(name);
    await worker.drain();
    await pool.close();
  }

  /** Is gone without a word: its threads die, and nothing of it reaches the bus. */
  async kill(name: string): Promise<void> {
    const { worker, pool } = this.#take(name);
    worker.abandon();
    await pool.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const name of this.names) await this.kill(name);
  }

  #take(name: string): { worker: Worker; pool: Pool } {
    const taken = this.#workers.get(name)!;
    this.#workers.delete(name);
    return taken;
  }
}

async function trainOn(
  context: TestContext,
  bus: Bus,
  workers: number,
  script: (cluster: Cluster) => RunObserver = () => ({}),
): Promise<string> {
  const folder = temporaryFolder(context);
  const { config } = await smallRun();
  const journal = new FileJournal(join(folder, 'journal'));
  const cluster = new Cluster(bus, journal);
  await Promise.all(Array.from({ length: workers }, () => cluster.join()));
  const coordinator = new Coordinator({
    run: 'test',
    config,
    digest: digestOf(config),
    bus,
    journal,
    checkpoints: new Checkpoints(new FolderBlobs(join(folder, 'checkpoints'))),
    phi: startOf(config),
    goal: { rounds: SMALL_ROUNDS },
    logger: silentLogger,
    patience: { silence: 1.5, deadlines: { least: 0.2, factor: 4 }, evaluation: 0.5 },
    observer: script(cluster),
  });
  try {
    const { state } = await coordinator.run();
    return sha256(encodePhi(config.architecture, new Float32Array(state.phi)));
  } finally {
    await cluster.close();
    await bus.close();
    await journal.close();
  }
}

describe('a run on several workers gives the bits of the undisturbed one', () => {
  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder, { threads: 1 }));
  });

  for (const count of [2, 4, 8]) {
    it(`with ${count} workers`, async (context) => {
      const workers = new Set<number>();
      const hash = await trainOn(context, new MemoryBus(), count, () => ({
        round(_record, measures) {
          workers.add(measures.workers);
        },
      }));
      assert.equal(hash, expected);
      assert.ok(workers.has(count));
    });
  }

  for (const seed of [1, 2, 3]) {
    it(`while workers join, leave and vanish, schedule ${seed}`, async (context) => {
      const reassigned: string[] = [];
      const hash = await trainOn(context, new MemoryBus(), 3, (cluster) => {
        const random = seededRandom(seed);
        return {
          round({ round }) {
            if (round % 6 !== 0) return;
            const { names } = cluster;
            const name = names[Math.floor(random() * names.length)]!;
            if (round % 12 === 0 || names.length === 1) void cluster.join();
            else if (random() < 0.5) void cluster.drain(name);
            else void cluster.kill(name);
          },
          reassigned(_worker, why) {
            reassigned.push(why);
          },
        };
      });
      assert.equal(hash, expected);
      assert.ok(reassigned.length > 0);
    });

    it(`while messages are lost, repeated, delayed and reordered, schedule ${seed}`, async (context) => {
      const bus = new UnreliableBus(new MemoryBus(), { lost: 0.02, repeated: 0.1, delayed: 0.3 }, seed);
      const hash = await trainOn(context, bus, 3);
      assert.equal(hash, expected);
      assert.ok(Math.min(...Object.values(bus.counts)) > 0, JSON.stringify(bus.counts));
    });
  }

  it('when its last worker is gone, as soon as another one comes', async (context) => {
    const hash = await trainOn(context, new MemoryBus(), 1, (cluster) => ({
      round({ round }) {
        if (round === 17) void cluster.kill(cluster.names[0]!).then(() => cluster.join());
      },
    }));
    assert.equal(hash, expected);
  });
});
