/** Whether a run that was disturbed is the undisturbed one: its φ, every round of its metrics, and its journal. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { silentLogger } from '../../shared/logger.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { NatsLink } from '../../shared/nats/link.js';
import { RecordStream } from '../../shared/nats/record-stream.js';
import { runSubjects } from '../../shared/subjects.js';
import { sha256OfFile } from '../e2e/harness.js';
import { RUN, type Stage } from './stage.js';
import { rowsOf, type Undisturbed } from './undisturbed.js';

/** Throws where anything of the run that has ended is not as it must be. */
export async function verify(stage: Stage, { hash, rows }: Undisturbed): Promise<void> {
  const reached = new Set<string>();
  for (const { actor, folder, state } of stage.coordinators) {
    const own = rowsOf(folder);
    // one that took over begins where it took over, and each has every round once
    const first = own.length === 0 ? 0 : (JSON.parse(own[0]!) as { round: number }).round - 1;
    for (const [index, row] of own.entries()) {
      assert.equal(row, rows[first + index], `row ${index} of ${actor.name}, after round ${first}`);
      reached.add(row);
    }
    if (state !== 'done') continue;
    assert.equal(sha256OfFile(join(folder, 'last.safetensors')), hash, `φ of ${actor.name}`);
    if (own.length > 0) assert.equal(own.at(-1), rows.at(-1));
  }
  assert.equal(reached.size, rows.length, 'the rounds of all coordinators');
  const { deaths } = stage.schedule;
  assert.ok(deaths.length === 0 || stage.coordinators[0]!.actor.starts > 1, 'the coordinator never died');
  await verifyJournal(stage, rows.length);
}

/** Every round that is kept is there once, after the one before it, under terms that never fall. */
async function verifyJournal({ server }: Stage, last: number): Promise<void> {
  const logger = silentLogger;
  const link = await NatsLink.connect({ nats: { url: server.url }, name: 'lopt test', logger });
  try {
    const jetStream = await JetStream.open(link, { logger });
    const records = new RecordStream(jetStream, runSubjects(RUN), 0);
    const kept: number[] = [];
    let term = 0;
    for (let at = await records.first(); at; at = await records.after(at)) {
      kept.push(at.record.round);
      assert.ok(at.record.term >= term, `round ${at.record.round} is of term ${at.record.term}, after ${term}`);
      term = at.record.term;
    }
    const first = kept[0] ?? last;
    assert.deepEqual(
      kept,
      Array.from({ length: last + 1 - first }, (_, index) => first + index),
      'the rounds of the journal',
    );
  } finally {
    await link.close();
  }
}
