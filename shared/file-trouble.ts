/** Why the file system refused something, in words. */
import { dirname } from 'node:path';
import { messageOf } from './errors.js';

/** What the error codes of the file system mean for the file or folder at `path`. */
const MEANINGS: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `the folder ${dirname(path)} does not exist`,
  ENOTDIR: () => 'a part of its path is a file, not a folder',
  EISDIR: () => 'it is a folder',
  EACCES: () => 'this process is not permitted to',
  EPERM: () => 'this process is not permitted to',
  EROFS: () => 'its file system is read-only',
  ENOSPC: () => 'its file system has no space or no inodes left',
  EDQUOT: () => 'the disk quota is used up',
  ENAMETOOLONG: () => 'its name is too long',
  EMFILE: () => 'this process has too many files open',
  ENFILE: () => 'this machine has too many files open',
};

/** Why a file or folder could not be opened, made or written; the system's own text if the error has none of the usual codes. */
export function troubleWith(path: string, cause: unknown): string {
  const code = codeOf(cause);
  const meaning = code === undefined ? undefined : MEANINGS[code];
  return meaning ? meaning(path) : messageOf(cause);
}

/** The code of an error of the file system, such as ENOENT; undefined if it has none. */
export function codeOf(cause: unknown): string | undefined {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
