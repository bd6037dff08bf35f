/** run.json: where the journal of a folder's run is, and how far the run got. Written when it begins and at each save. */
import { existsSync } from 'node:fs';
import { FileError } from '../../shared/errors.js';
import { readFileNamed, writeFileWhole } from '../../shared/files.js';
import { integer, object, text } from '../../shared/shape.js';

/** Where a run's journal is, if a server has it: the folder then holds a copy. */
export interface ServerPlace {
  /** The run's name there. */
  run: string;
  /** The servers, without passwords. */
  url: string;
}

export interface RunRecord {
  server?: ServerPlace;
  /** The command that goes on with the run. */
  resume: string;
  /** The round of the last save. */
  round: number;
}

const recordShape = object<RunRecord>(
  {
    server: object<ServerPlace>({ run: text(64), url: text(4096) }),
    resume: text(8192),
    round: integer(),
  },
  ['server'],
);

/** The record in a file; undefined if there is none. Throws FileError if it is damaged. */
export function readRecord(path: string): RunRecord | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileNamed(path, 'how far the run got');
  try {
    return recordShape(JSON.parse(bytes.toString('utf8')), 'run');
  } catch (cause) {
    const sentence = `Cannot read how far the run got from ${path}: it must be as lopt wrote it; restore it, or remove it`;
    throw new FileError(path, sentence, { cause });
  }
}

/** Writes the record, whole. */
export function writeRecord(path: string, record: RunRecord): void {
  writeFileWhole(path, `${JSON.stringify(record, null, 2)}\n`);
}
