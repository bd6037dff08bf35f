/** The names of a run on a NATS server: subjects, streams and buckets, all under one prefix. */
import { UsageError } from './errors.js';

/** What all names begin with by default. */
export const DEFAULT_PREFIX = 'lopt';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
// without a hyphen, which separates the parts of a stream's name
const PREFIX = /^[A-Za-z0-9_]{1,32}$/;

/** Whether a text can name a run or a worker: it becomes a part of subjects. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The text, if it can name a run or a worker; throws UsageError if not. */
export function checkToken(task: string, name: string, text: string): string {
  if (isToken(text)) return text;
  throw new UsageError(
    `${task}: "${name}" must be up to 64 letters, digits, hyphens and underscores, got ${JSON.stringify(text)}`,
  );
}

/** The names that belong to no run. */
export interface ClusterSubjects {
  /** The announcements of all runs; workers without a run subscribe to it. */
  announcements: string;
  /** The key-value bucket that lists the runs. */
  registry: string;
}

/**
 * The names of one member of a run. The members of a sweep share its streams and buckets; each talks to its workers on
 * its own subjects, in which the run is one token: RUN for member 0, RUN=MEMBER for the others. So a server's
 * permissions are the same for sweeps and single runs: workers publish under `PREFIX.up`, the coordinator publishes
 * under `PREFIX.down`, and it alone appends under `PREFIX.journal`.
 */
export interface RunSubjects {
  prefix: string;
  run: string;
  member: number;
  /** To the coordinator: hello and heartbeat. */
  mail: string;
  /** To the coordinator: results, evaluations and goodbyes. */
  bulk: string;
  /** To all workers of the run. */
  all: string;
  /** To all workers, including those without a run. */
  announcement: string;
  /** To one worker, by its address: NAME, or NAME.KEY. */
  worker(address: string): string;
  /** The stream that holds the journals of all members; nobody subscribes to its subjects. */
  journalStream: string;
  /** Everything that the journal's stream stores. */
  journals: string;
  /** The records of one member. */
  journal(member: number): string;
  /** The parts of records that are too large for one message. */
  journalParts(member: number): string;
  /** The object store that holds the checkpoints. */
  checkpoints: string;
}

/** The names under a prefix that belong to no run; throws UsageError if the prefix is invalid. */
export function clusterSubjects(prefix: string = DEFAULT_PREFIX): ClusterSubjects {
  checkPrefix(prefix);
  return { announcements: `${prefix}.down.*.announce`, registry: `${prefix}-runs` };
}

/** The names of a run's member; throws UsageError if the run's name is invalid. */
export function runSubjects(run: string, prefix: string = DEFAULT_PREFIX, member = 0): RunSubjects {
  checkPrefix(prefix);
  checkToken('Cannot use the run', 'run', run);
  const journals = `${prefix}.journal.${run}`;
  // a run's name holds no equals sign
  const part = member === 0 ? run : `${run}=${member}`;
  return {
    prefix,
    run,
    member,
    mail: `${prefix}.up.${part}.mail`,
    bulk: `${prefix}.up.${part}.bulk`,
    all: `${prefix}.down.${part}.all`,
    announcement: `${prefix}.down.${part}.announce`,
    worker: (address) => `${prefix}.down.${part}.worker.${checkAddress(address)}`,
    journalStream: `${prefix}-${run}-journal`,
    journals: `${journals}.>`,
    journal: (member) => `${journals}.${member}`,
    journalParts: (member) => `${journals}.${member}.parts`,
    checkpoints: `${prefix}-${run}-checkpoints`,
  };
}

function checkAddress(address: string): string {
  const [worker = '', ...rest] = address.split('.');
  checkToken('Cannot reach the worker', 'worker', worker);
  if (rest.length > 1)
    throw new UsageError(`Cannot reach the worker: "${address}" must be a name, or a name and a key`);
  for (const key of rest) checkToken('Cannot reach the worker', 'key', key);
  return address;
}

function checkPrefix(prefix: string): void {
  if (PREFIX.test(prefix)) return;
  throw new UsageError(
    `Cannot use the prefix: "prefix" must be up to 32 letters, digits and underscores, got ${JSON.stringify(prefix)}`,
  );
}
