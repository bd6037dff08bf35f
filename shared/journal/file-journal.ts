/** The journal as files of one folder: the embedded default. */
import {
  closeSync,
  fstatSync,
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
import { decodeFrame, encodeFrame } from '../codec.js';
import { JournalError, messageOf } from '../errors.js';
import { makeFolder } from '../files.js';
import type { Journal, JournalRecord } from './journal.js';

/** Options of a file journal. */
export interface FileJournalOptions {
  /** Bytes after which a segment is full; purging drops whole segments. @default 8 MiB */
  segmentBytes?: number;
  /** The round that an empty journal begins with. @default 0 */
  start?: number;
}

interface Segment {
  path: string;
  file: number;
  first: number;
  /** Where each record begins, then where the last one ends. */
  offsets: number[];
  unsynced: boolean;
}

const SEGMENT_NAME = /^journal-(\d{12})\.bin$/;

/** Appends to segment files named by their first round. Appends are not synced: a killed process loses nothing. */
export class FileJournal implements Journal {
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #start: number;
  readonly #segments: Segment[] = [];

  /** Opens the journal in `folder`, which is made if it is missing; cuts off a torn tail. */
  constructor(folder: string, { segmentBytes = 8 * 2 ** 20, start = 0 }: FileJournalOptions = {}) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    this.#start = start;
    makeFolder(folder);
    const names = readdirSync(folder)
      .filter((name) => SEGMENT_NAME.test(name))
      .sort();
    for (const [index, name] of names.entries()) {
      const first = Number(SEGMENT_NAME.exec(name)![1]);
      const previous = this.#segments.at(-1);
      const torn = previous !== undefined && previous.first + previous.offsets.length - 1 !== first;
      if (torn) {
        // what follows a gap cannot be reached, but is not ours to delete
        for (const later of names.slice(index)) renameSync(join(folder, later), join(folder, `${later}.unreachable`));
        break;
      }
      this.#segments.push(openSegment(join(folder, name), first));
    }
  }

  get first(): number {
    return this.#segments.length === 0 || this.last < this.#segments[0]!.first ? -1 : this.#segments[0]!.first;
  }

  get last(): number {
    const segment = this.#segments.at(-1);
    return segment ? segment.first + segment.offsets.length - 2 : -1;
  }

  async append(record: JournalRecord): Promise<void> {
    const next = this.last < 0 ? this.#start : this.last + 1;
    if (record.round !== next) {
      throw new JournalError(`Cannot append round ${record.round} to the journal: the next one must be ${next}`);
    }
    let segment = this.#segments.at(-1);
    if (!segment || segment.offsets.at(-1)! >= this.#segmentBytes) segment = this.#startSegment(record.round);
    const frame = encodeFrame(record);
    const start = segment.offsets.at(-1)!;
    try {
      for (let at = 0; at < frame.length; ) at += writeSync(segment.file, frame, at, frame.length - at, start + at);
    } catch (cause) {
      throw new JournalError(`Cannot append round ${record.round} to ${segment.path}: ${messageOf(cause)}`, { cause });
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
      fsyncSync(segment.file);
      segment.unsynced = false;
    }
  }

  async truncate(round: number): Promise<void> {
    if (round >= this.last) return;
    if (round < this.first || round < 0) {
      const kept = `it holds rounds ${this.first} to ${this.last}`;
      throw new JournalError(`Cannot cut the journal in ${this.#folder} back to round ${round}: ${kept}`);
    }
    while (this.#segments.at(-1)!.first > round) {
      const segment = this.#segments.pop()!;
      closeSync(segment.file);
      rmSync(segment.path);
    }
    const segment = this.#segments.at(-1)!;
    segment.offsets.length = round - segment.first + 2;
    ftruncateSync(segment.file, segment.offsets.at(-1)!);
    segment.unsynced = true;
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

  #startSegment(first: number): Segment {
    const path = join(this.#folder, `journal-${String(first).padStart(12, '0')}.bin`);
    const segment = { path, file: openSync(path, 'w+'), first, offsets: [0], unsynced: true };
    this.#segments.push(segment);
    return segment;
  }
}

function openSegment(path: string, first: number): Segment {
  const file = openSync(path, 'r+');
  const bytes = readFileSync(path);
  const offsets = [0];
  for (let frame = decodeFrame(bytes); frame; frame = decodeFrame(bytes, frame.end)) offsets.push(frame.end);
  if (offsets.at(-1)! < fstatSync(file).size) ftruncateSync(file, offsets.at(-1)!);
  return { path, file, first, offsets, unsynced: false };
}
