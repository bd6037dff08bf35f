/** Errors for people to read: one sentence that says what was wrong, where, and what would be right. */
export class LoptError extends Error {
  override readonly name: string = 'LoptError';
}

/** A wrong flag or option: the command line exits with 2. */
export class UsageError extends LoptError {
  override readonly name = 'UsageError';
}

/** A file that cannot be used: missing, damaged, or made for something else. */
export class FileError extends LoptError {
  override readonly name: string = 'FileError';
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}

/** A file of flags that cannot be meant, which is as wrong as a flag: the command line exits with 2. */
export class FlagFileError extends FileError {}

/** The run cannot go on without breaking "one result": two computations of the same thing differ. */
export class InconsistencyError extends LoptError {
  override readonly name = 'InconsistencyError';
}

/** The most characters of a sentence that a message of the bus carries. */
export const LONGEST_SENTENCE = 4096;

/** The text of anything thrown, for a sentence of ours; what no message could carry is cut off. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length <= LONGEST_SENTENCE ? text : `${text.slice(0, LONGEST_SENTENCE - 1)}…`;
}

/** A journal that cannot be read or appended to. */
export class JournalError extends LoptError {
  override readonly name = 'JournalError';
}

/** A server that cannot be reached, or that cannot do what a run needs. */
export class ClusterError extends LoptError {
  override readonly name = 'ClusterError';
}
