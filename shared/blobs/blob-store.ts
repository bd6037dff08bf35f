/** Named pieces of bytes, each whole or not there. */

export interface BlobStore {
  /** All names, in no order. */
  names(): Promise<string[]>;
  /** Throws a LoptError where there is none of this name, or it cannot be read. */
  read(name: string): Promise<Buffer>;
  /** Writes or replaces; a crash leaves the old one or the new one. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Does nothing where there is none. */
  remove(name: string): Promise<void>;
  /** Where one is, as a sentence says it. */
  placeOf(name: string): string;
}
