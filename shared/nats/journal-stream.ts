/** The stream that holds the journals of a run's members. */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from 'nats';
import { ClusterError } from '../errors.js';
import type { RunSubjects } from '../subjects.js';
import { type JetStream, REFUSALS } from './jetstream.js';

/** How the stream must be set up. */
export interface JournalStreamOptions {
  jetStream: JetStream;
  subjects: RunSubjects;
  digest: string;
  maxBytes: number;
  replicas: number;
}

/**
 * Makes the stream of the run's journals if it is missing, and updates its size limit if that has changed. Throws
 * ClusterError if the stream belongs to another configuration, or the server cannot store it.
 */
export async function ensureJournalStream(options: JournalStreamOptions): Promise<void> {
  const { jetStream, subjects, digest, maxBytes, replicas } = options;
  const task = `Cannot open the journal of run ${subjects.run}`;
  const config: Partial<StreamConfig> & Pick<StreamConfig, 'name'> = {
    name: subjects.journalStream,
    description: `lopt: journal of run ${subjects.run}, configuration ${digest}`,
    subjects: [subjects.journals],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    // a full stream refuses new records: recovery needs the old ones
    discard: DiscardPolicy.New,
    max_bytes: maxBytes,
    num_replicas: replicas,
    allow_direct: true,
  };
  const found = await jetStream.ask(task, ({ manager }) => manager.streams.info(config.name));
  if ('refusal' in found) {
    if (found.refusal.code !== REFUSALS.noStream) throw jetStream.refused(task, found.refusal);
    await jetStream.demand(task, ({ manager }) => manager.streams.add(config));
    return;
  }
  const { description, max_bytes } = found.answer.config;
  if (description !== config.description) {
    const other = /^lopt: journal of run .*, configuration ([0-9a-f]{8})/.exec(description ?? '')?.[1];
    const whose = other
      ? `belongs to another configuration (${other}… and not ${digest.slice(0, 8)}…)`
      : 'is not lopt’s';
    throw new ClusterError(
      `${task}: the stream ${config.name} on NATS at ${jetStream.link.servers} ${whose}; choose another name for the run, or delete that stream`,
    );
  }
  if (max_bytes !== maxBytes) {
    await jetStream.demand(task, ({ manager }) => manager.streams.update(config.name, { max_bytes: maxBytes }));
  }
}
