/** A whole cluster in one process: coordinator, one worker and its threads, over the memory bus. */
import { join } from 'node:path';
import { Checkpoints } from '../coordinator/checkpoint.js';
import { Coordinator, type CoordinatorOptions, type RunEnd } from '../coordinator/coordinator.js';
import { FolderBlobs } from '../shared/blobs/folder-blobs.js';
import { MemoryBus } from '../shared/bus/memory-bus.js';
import { digestOf } from '../shared/config.js';
import { FileJournal } from '../shared/journal/file-journal.js';
import { Pool } from '../worker/pool.js';
import { Worker } from '../worker/worker.js';

/** Options of an embedded run. */
export interface EmbeddedOptions
  extends Pick<
    CoordinatorOptions,
    'config' | 'phi' | 'goal' | 'fromRound' | 'logger' | 'observer' | 'signal' | 'checkpointSeconds'
  > {
  /** The run's folder: journal and checkpoints lie in it. */
  folder: string;
  threads: number;
  /** Told of the pool before the run starts. */
  onPool?: (pool: Pool) => void;
  /** Told of the coordinator before the run starts. */
  onLeading?: (coordinator: Coordinator) => void;
}

/** Trains until the goal, the signal or an error; nothing goes on after it. */
export async function trainEmbedded({
  folder,
  threads,
  onPool,
  onLeading,
  ...options
}: EmbeddedOptions): Promise<RunEnd> {
  const digest = digestOf(options.config);
  const bus = new MemoryBus();
  const pool = new Pool(threads);
  onPool?.(pool);
  const journal = new FileJournal(join(folder, 'journal'));
  const worker = new Worker({ id: 'embedded', bus, pool, history: journal, logger: options.logger });
  const checkpoints = new Checkpoints(new FolderBlobs(join(folder, 'checkpoints')));
  const coordinator = new Coordinator({
    run: 'embedded',
    digest,
    bus,
    journal,
    checkpoints,
    failWithLastWorker: true,
    ...options,
  });
  onLeading?.(coordinator);
  try {
    return await coordinator.run();
  } finally {
    await worker.close();
    await bus.close();
    await pool.close();
    await journal.close();
  }
}
