/** What a run's member is resumed from on a cluster: journal and checkpoints on the server, with copies in the folder. */
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { CopiedJournal } from '../../shared/journal/copied-journal.js';
import { bringIntoStep } from '../../shared/journal/in-step.js';
import { JetStreamJournal, type JetStreamJournalOptions } from '../../shared/journal/jetstream-journal.js';
import type { Journal } from '../../shared/journal/journal.js';
import { ObjectBlobs } from '../../shared/nats/object-blobs.js';
import { openFolderStores } from '../run/folder-stores.js';

export interface MemberStoresOptions extends JetStreamJournalOptions {
  member: number;
  start: number;
  /** The run's folder. */
  folder: string;
  /** Told the last round that is there, before anything is changed; throws if the run must not go on after it. */
  accept?: ((last: number) => void) | undefined;
}

/**
 * Opens them, with the same records on the server and in the folder: a server that has lost its store gets what the folder
 * has. Throws LoptError if the two are of different histories.
 */
export async function openMemberStores(
  options: MemberStoresOptions,
): Promise<{ journal: Journal; checkpoints: Checkpoints }> {
  const { jetStream, subjects, member, start, replicas, folder, accept, logger } = options;
  const { journal: copy, blobs } = openFolderStores(folder, start);
  try {
    const found = await JetStreamJournal.open(options);
    const isLost = found.last < 0 && copy.last >= 0;
    const journal = isLost ? await JetStreamJournal.open({ ...options, start: copy.first }) : found;
    const { run } = subjects;
    const server = `NATS at ${jetStream.link.servers}`;
    await bringIntoStep({ journal, copy, server, folder, run, accept, logger });
    const onServer = new ObjectBlobs({
      jetStream,
      bucket: subjects.checkpoints,
      folder: `member-${member}`,
      ...(replicas === undefined ? {} : { replicas }),
    });
    return { journal: new CopiedJournal(journal, copy), checkpoints: new Checkpoints(onServer, blobs) };
  } catch (error) {
    await copy.close();
    throw error;
  }
}
