/** Named blobs of bytes, each whole or absent. */

export interface BlobStore {
  /** All names, in no particular order. */
  names(): Promise<string[]>;
  /** Throws a LoptError if there is none of this name, or it cannot be read. */
  read(name: string): Promise<Buffer>;
  /** Writes or replaces; a crash leaves the old blob or the new one. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Does nothing if there is none. */
  remove(name: string): Promise<void>;
  /** Where a blob lies, for messages. */
  placeOf(name: string): string;
}
