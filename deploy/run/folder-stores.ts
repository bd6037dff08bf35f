/** What a run's folder is resumed from: its journal and its checkpoints. */
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { RunFolder } from './run-folder.js';

/** Opens them; what is cut or replaced in them goes to the folder's `previous/`. @param start round that an empty journal begins with */
export function openFolderStores(path: string, start: number): { journal: FileJournal; blobs: FolderBlobs } {
  const { journal, checkpoints, previous } = new RunFolder(path);
  return {
    journal: new FileJournal(journal, { start, aside: previous.group('journal') }),
    blobs: new FolderBlobs(checkpoints, previous.group('checkpoints')),
  };
}
