/** Brings a journal on a server and its copy in a folder into step, when a run is taken up again. */
import { LoptError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { FileJournal } from './file-journal.js';
import type { Journal } from './journal.js';
import { sameRecord } from './record-bits.js';

/** The rounds of a journal; both −1 if it is empty. */
export type Span = Pick<Journal, 'first' | 'last'>;

/** What has to be done; `meeting` is the last round that both hold, undefined if there is none. */
export type Step =
  | { action: 'none'; meeting?: number }
  /** The copy is empty, or ends too early to be extended. */
  | { action: 'renew-copy' }
  | { action: 'extend-copy'; meeting: number }
  /** The server has lost its last records, or all. */
  | { action: 'extend-journal'; meeting?: number }
  /** The journal ends before the copy begins. */
  | { action: 'refuse' };

/** What brings them into step. */
export function stepBetween(journal: Span, copy: Span): Step {
  if (copy.last < 0) return { action: journal.last < 0 ? 'none' : 'renew-copy' };
  if (journal.last < 0) return { action: 'extend-journal' };
  if (copy.last < journal.first) return { action: 'renew-copy' };
  if (journal.last < copy.first) return { action: 'refuse' };
  const meeting = Math.min(journal.last, copy.last);
  if (copy.last < journal.last) return { action: 'extend-copy', meeting };
  return { action: copy.last > journal.last ? 'extend-journal' : 'none', meeting };
}

/** The two journals, and their names in messages. */
export interface InStepOptions {
  /** If it is empty and the copy is not, it must begin with the copy's first round. */
  journal: Journal;
  copy: FileJournal;
  /** As in `NATS at nats://…`. */
  server: string;
  /** The run's folder, and the run's name. */
  folder: string;
  run: string;
  /** Told the last round that they will hold, before anything is changed; throws if the run must not go on after it. */
  accept?: ((last: number) => void) | undefined;
  logger: Logger;
}

/** Records to read from the server at the same time. */
const AT_ONCE = 16;

/**
 * Gives each what it lacks of the other's records. Throws LoptError, and changes nothing, if they are of different
 * histories, if records between them are missing, or if `accept` does.
 */
export async function bringIntoStep(options: InStepOptions): Promise<void> {
  const { journal, copy, server, folder, run, accept, logger } = options;
  const step = stepBetween(journal, copy);
  if (step.action === 'refuse') {
    throw apart(options, `${server} ends with round ${journal.last}, and the copy begins with round ${copy.first}`);
  }
  if ('meeting' in step && step.meeting !== undefined) {
    // a copy that goes on must agree all the way: its next records follow the server's
    const first = step.action === 'extend-journal' ? Math.max(journal.first, copy.first) : step.meeting;
    await compare(options, first, step.meeting);
  }
  const last = Math.max(journal.last, copy.last);
  if (last >= 0) accept?.(last);
  if (step.action === 'renew-copy') {
    await copy.restart(journal.first);
    await extend(copy, journal);
  }
  if (step.action === 'extend-copy') await extend(copy, journal);
  if (step.action === 'extend-journal') {
    const held = journal.last < 0 ? 'holds no journal of it' : `holds its journal up to round ${journal.last}`;
    logger.warn(`Resuming run ${run} from the copy in ${folder}, up to round ${copy.last}: ${server} ${held}`);
    await extend(journal, copy);
  }
}

/** Appends the records that one lacks at its end. */
async function extend(short: Journal, long: Journal): Promise<void> {
  // another coordinator may have gone on from fewer records: terms never fall
  let term = short.last < 0 ? 0 : (await short.read(short.last)).term;
  for (let round = short.last < 0 ? long.first : short.last + 1; round <= long.last; round += AT_ONCE) {
    const count = Math.min(AT_ONCE, long.last + 1 - round);
    const records = await Promise.all(Array.from({ length: count }, (_, i) => long.read(round + i)));
    for (const record of records) {
      term = Math.max(term, record.term);
      await short.append({ ...record, term });
    }
  }
}

async function compare(options: InStepOptions, first: number, last: number): Promise<void> {
  const { journal, copy, server } = options;
  for (let round = first; round <= last; round++) {
    if (sameRecord(await journal.read(round), await copy.read(round))) continue;
    throw apart(options, `the copy and ${server} hold different records of round ${round}`);
  }
}

function apart({ folder, run }: InStepOptions, why: string): LoptError {
  return new LoptError(
    `Cannot resume ${folder}: ${why}; name another folder with --out to go on from the server's, or end those with lopt stop ${run} --delete to go on from the copy`,
  );
}
