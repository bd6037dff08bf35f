/** The journal as files of one folder: the embedded default. */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Aside } from '../aside.js';
import { decodeFrame, encodeFrame } from '../codec.js';
import { JournalError } from '../errors.js';
import { troubleWith } from '../file-trouble.js';
import { makeFolder } from '../files.js';
import type { Journal, JournalRecord } from './journal.js';

/** Options of a file journal. */
export interface FileJournalOptions {
  /** Bytes after which a segment is full; purging drops whole segments. @default 8 MiB */
  segmentBytes?: number;
  /** The round that an empty journal begins with. @default 0 */
  start?: number;
  /** Takes the segments that are cut or dropped, but for purged ones. @default they are gone */
  aside?: Aside;
}

interface Segment {
  path: string;
  file: number;
  first: number;
  /** Where each record begins, then where the last one ends. */
  offsets: number[];
  /** Whether bytes follow that are not a whole record. */
  torn: boolean;
  unsynced: boolean;
}

const SEGMENT_NAME = /^journal-(\d{12})\.bin$/;

/** Appends to segment files named by their first round. Appends are not synced: a killed process loses nothing. */
export class FileJournal implements Journal {
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #aside: Aside | undefined;
  #start: number;
  readonly #segments: Segment[] = [];
  /** Segments that follow a gap. */
  #unreachable: string[] = [];

  /**
   * Opens the journal in `folder`, which is made if it is missing. Passes over a torn tail and what follows a gap; both stay
   * there until something is written in their place.
   */
  constructor(folder: string, { segmentBytes = 8 * 2 ** 20, start = 0, aside }: FileJournalOptions = {}) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    this.#start = start;
    this.#aside = aside;
    makeFolder(folder);
    const names = readdirSync(folder)
      .filter((name) => SEGMENT_NAME.test(name))
      .sort();
    for (const [index, name] of names.entries()) {
      const first = Number(SEGMENT_NAME.exec(name)![1]);
      const previous = this.#segments.at(-1);
      if (previous !== undefined && previous.first + previous.offsets.length - 1 !== first) {
        this.#unreachable = names.slice(index).map((later) => join(folder, later));
        break;
      }
      this.#segments.push(openSegment(join(folder, name), first));
    }
  }

  get first(): number {
    return this.last < 0 ? -1 : this.#segments[0]!.first;
  }

  get last(): number {
    const segment = this.#segments.at(-1);
    // a first segment may hold no more than a part of its first record
    const empty = !segment || (this.#segments.length === 1 && segment.offsets.length === 1);
    return empty ? -1 : segment.first + segment.offsets.length - 2;
  }

  async append(record: JournalRecord): Promise<void> {
    const next = this.last < 0 ? this.#start : this.last + 1;
    if (record.round !== next) {
      throw new JournalError(`Cannot append round ${record.round} to the journal: the next one must be ${next}`);
    }
    this.#mend();
    let segment = this.#segments.at(-1);
    if (!segment || segment.offsets.at(-1)! >= this.#segmentBytes) segment = this.#startSegment(record.round);
    const frame = encodeFrame(record);
    const start = segment.offsets.at(-1)!;
    try {
      for (let at = 0; at < frame.length; ) at += writeSync(segment.file, frame, at, frame.length - at, start + at);
    } catch (cause) {
      throw appendError(record.round, segment.path, cause);
    }
    segment.offsets.push(start + frame.length);
    segment.unsynced = true;
  }

  async read(round: number): Promise<JournalRecord> {
    const segment = this.#segments.findLast(({ first }) => first <= round);
    const index = segment ? round - segment.first : -1;
    if (!segment || index >= segment.offsets.length - 1) {
      const kept = this.last < 0 ? 'it is empty' : `it holds rounds ${this.first} to ${this.last}`;
      throw new JournalError(`Cannot read round ${round} from the journal in ${this.#folder}: ${kept}`);
    }
    const start = segment.offsets[index]!;
    const bytes = Buffer.alloc(segment.offsets[index + 1]! - start);
    readSync(segment.file, bytes, 0, bytes.length, start);
    const frame = decodeFrame(bytes);
    if (!frame) throw new JournalError(`Cannot read round ${round} from ${segment.path}: the record is damaged`);
    return frame.value as JournalRecord;
  }

  async phi(round: number): Promise<Float32Array> {
    return (await this.read(round)).phi;
  }

  async sync(): Promise<void> {
    for (const segment of this.#segments) {
      if (!segment.unsynced) continue;
      try {
        fsyncSync(segment.file);
      } catch (cause) {
        throw new JournalError(`Cannot save ${segment.path}: ${troubleWith(segment.path, cause)}`, { cause });
      }
      segment.unsynced = false;
    }
  }

  async truncate(round: number): Promise<void> {
    if (round >= this.last) return;
    if (round < this.first || round < 0) {
      const kept = `it holds rounds ${this.first} to ${this.last}`;
      throw new JournalError(`Cannot cut the journal in ${this.#folder} back to round ${round}: ${kept}`);
    }
    this.#mend();
    while (this.#segments.at(-1)!.first > round) this.#drop(this.#segments.pop()!);
    const segment = this.#segments.at(-1)!;
    const records = round - segment.first + 1;
    if (records < segment.offsets.length - 1) this.#cut(segment, records);
  }

  /** Drops all records; the next one must be that of `round`. */
  async restart(round: number): Promise<void> {
    this.#mend();
    while (this.#segments.length > 0) this.#drop(this.#segments.pop()!);
    this.#start = round;
  }

  async purge(round: number): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[1]!.first <= round) {
      const segment = this.#segments.shift()!;
      closeSync(segment.file);
      rmSync(segment.path);
    }
  }

  async close(): Promise<void> {
    for (const segment of this.#segments.splice(0)) closeSync(segment.file);
  }

  /** Cuts off a torn tail, and takes what follows a gap out of the way: it cannot be reached, but is not ours to delete. */
  #mend(): void {
    const last = this.#segments.at(-1);
    if (last?.torn) this.#cut(last, last.offsets.length - 1);
    for (const path of this.#unreachable.splice(0)) renameSync(path, `${path}.unreachable`);
  }

  /** Leaves the first records of a segment. */
  #cut(segment: Segment, records: number): void {
    this.#aside?.copy(segment.path);
    segment.offsets.length = records + 1;
    ftruncateSync(segment.file, segment.offsets.at(-1)!);
    segment.torn = false;
    segment.unsynced = true;
  }

  #drop({ file, path }: Segment): void {
    closeSync(file);
    if (this.#aside) this.#aside.move(path);
    else rmSync(path);
  }

  #startSegment(first: number): Segment {
    const path = join(this.#folder, `journal-${String(first).padStart(12, '0')}.bin`);
    let file: number;
    try {
      file = openSync(path, 'w+');
    } catch (cause) {
      throw appendError(first, path, cause);
    }
    const segment = { path, file, first, offsets: [0], torn: false, unsynced: true };
    this.#segments.push(segment);
    return segment;
  }
}

function appendError(round: number, path: string, cause: unknown): JournalError {
  return new JournalError(`Cannot append round ${round} to ${path}: ${troubleWith(path, cause)}`, { cause });
}

function openSegment(path: string, first: number): Segment {
  try {
    const file = openSync(path, 'r+');
    const bytes = readFileSync(file);
    const offsets = [0];
    for (let frame = decodeFrame(bytes); frame; frame = decodeFrame(bytes, frame.end)) offsets.push(frame.end);
    return { path, file, first, offsets, torn: offsets.at(-1)! < bytes.length, unsynced: false };
  } catch (cause) {
    throw new JournalError(`Cannot open ${path}, a part of the journal: ${troubleWith(path, cause)}`, { cause });
  }
}
