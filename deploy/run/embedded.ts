/** A whole cluster in one process: coordinator, one worker and its threads, over the memory bus. */
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator, type CoordinatorOptions, type RunEnd } from '../../coordinator/coordinator.js';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { digestOf } from '../../shared/config.js';
import { Pool, type RetirablePool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { openFolderStores } from './folder-stores.js';

/** Options of a run on an existing pool of threads. */
export interface PooledOptions
  extends Pick<
    CoordinatorOptions,
    | 'config'
    | 'phi'
    | 'start'
    | 'goal'
    | 'fromRound'
    | 'accept'
    | 'logger'
    | 'observer'
    | 'signal'
    | 'checkpointSeconds'
  > {
  /** The run's folder, with its journal and checkpoints. */
  folder: string;
  /** Called with the coordinator before the run starts. */
  onLeading?: (coordinator: Coordinator) => void;
}

/** Options of an embedded run. */
export interface EmbeddedOptions extends PooledOptions {
  threads: number;
  /** Called with the pool before the run starts. */
  onPool?: (pool: Pool) => void;
}

/** Trains until the goal, the signal or an error, and closes the pool. */
export async function trainEmbedded({ threads, onPool, ...options }: EmbeddedOptions): Promise<RunEnd> {
  const pool = new Pool(threads);
  onPool?.(pool);
  try {
    return await trainOn(pool, options);
  } finally {
    await pool.close();
  }
}

/** Trains on threads that other runs share; their windows interleave. */
export async function trainOn(pool: RetirablePool, { folder, onLeading, ...options }: PooledOptions): Promise<RunEnd> {
  const digest = digestOf(options.config);
  const bus = new MemoryBus();
  const { journal, blobs } = openFolderStores(folder, options.start?.round ?? 0);
  const worker = new Worker({ id: 'embedded', bus, pool, history: journal, logger: options.logger });
  const coordinator = new Coordinator({
    run: 'embedded',
    digest,
    bus,
    journal,
    checkpoints: new Checkpoints(blobs),
    failWithLastWorker: true,
    ...options,
  });
  onLeading?.(coordinator);
  try {
    return await coordinator.run();
  } finally {
    await worker.close();
    await bus.close();
    pool.retire(digest);
    await journal.close();
  }
}
