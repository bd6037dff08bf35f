/**
 * A run that kills itself with SIGKILL at a named step of a named round: `crashing-run.js FOLDER STEP ROUND [FLAGS]`, flags as
 * JSON. Steps that begin
 * with `cut` are those of going back to that round.
 */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator } from '../../coordinator/coordinator.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import { encodeFrame } from '../../shared/codec.js';
import { digestOf } from '../../shared/config.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { silentLogger } from '../../shared/logger.js';
import type { ToWorker } from '../../shared/messages.js';
import { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { reportInto, SMALL_ROUNDS, smallRun, startOf } from './harness.js';

const [folder, step, at, flags = '{}'] = process.argv.slice(2) as [string, string, string, string?];

/** Dies where this is the step, at the first chance from the named round on. */
function dieAt(here: string, round: number): void {
  if (here === step && round >= Number(at)) process.kill(process.pid, 'SIGKILL');
}

class CrashingJournal extends FileJournal {
  override async append(record: JournalRecord): Promise<void> {
    dieAt('before-append', record.round);
    if (step === 'half-append' && record.round >= Number(at)) {
      // half of the record reaches the file that is being written
      const frame = encodeFrame(record);
      const name = `journal-${String(this.first).padStart(12, '0')}.bin`;
      writeSync(openSync(join(folder, 'journal', name), 'a'), frame.subarray(0, frame.length >> 1));
      process.kill(process.pid, 'SIGKILL');
    }
    const appended = super.append(record);
    // in the same turn: the record is in the file, and the round is not reported yet
    dieAt('after-append', record.round);
    await appended;
  }

  override async truncate(round: number): Promise<void> {
    dieAt('cut-checkpoints', round);
    await super.truncate(round);
    dieAt('cut-journal', round);
  }
}

class CrashingCheckpoints extends Checkpoints {
  override async write(checkpoint: Checkpoint): Promise<void> {
    dieAt('before-checkpoint', checkpoint.learner.round);
    await super.write(checkpoint);
    dieAt('after-checkpoint', checkpoint.learner.round);
  }
}

class CrashingBus extends MemoryBus {
  override toAllWorkers(message: ToWorker): void {
    super.toAllWorkers(message);
    // the workers have φ, and compute for a while before the record is written
    if (message.type === 'phi') setTimeout(() => dieAt('after-broadcast', message.round), 0);
  }
}

const { config } = await smallRun(JSON.parse(flags) as Record<string, unknown>);
const bus = new CrashingBus();
const pool = new Pool(2);
const journal = new CrashingJournal(join(folder, 'journal'));
const worker = new Worker({ id: 'embedded', bus, pool, history: journal, logger: silentLogger });
const coordinator = new Coordinator({
  run: 'embedded',
  config,
  digest: digestOf(config),
  bus,
  journal,
  checkpoints: new CrashingCheckpoints(new FolderBlobs(join(folder, 'checkpoints'))),
  phi: startOf(config),
  goal: { rounds: SMALL_ROUNDS },
  ...(step.startsWith('cut') ? { fromRound: Number(at) } : {}),
  logger: silentLogger,
  observer: reportInto(folder, config),
  // a checkpoint after every round: recovery meets both of them
  checkpointSeconds: 0,
});
await coordinator.run();
await worker.close();
await pool.close();
