/** The names of a run on a NATS server: subjects, streams and buckets, all under one prefix. */
import { UsageError } from './errors.js';

/** What all names begin with where a person says nothing else. */
export const DEFAULT_PREFIX = 'lopt';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
// without a hyphen, which separates the parts of a stream's name
const PREFIX = /^[A-Za-z0-9_]{1,32}$/;

/** Whether a text can name a run or a worker: it becomes a part of subjects. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The text where it can name a run or a worker; throws UsageError where it cannot. */
export function checkToken(task: string, name: string, text: string): string {
  if (isToken(text)) return text;
  throw new UsageError(
    `${task}: "${name}" must be up to 64 letters, digits, hyphens and underscores, got ${JSON.stringify(text)}`,
  );
}

/** The names that belong to no run. */
export interface ClusterSubjects {
  /** The announcements of every run: subscribed by workers that have none. */
  announcements: string;
  /** The key-value bucket that lists the runs. */
  registry: string;
}

/**
 * The names of one member of a run. The members of a sweep share its streams and buckets, and each speaks with its workers
 * on subjects of its own, in which the run's part is RUN for member 0 and RUN=MEMBER for another: one part either way, so
 * that a server's permissions hold for sweeps as for single runs. What workers send is under `PREFIX.up`, what the coordinator sends under `PREFIX.down`, and what
 * it alone may append under `PREFIX.journal`: a server's permissions need no more than that.
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
  /** To all workers, those of no run among them. */
  announcement: string;
  /** To one worker. */
  worker(id: string): string;
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

/** The names under a prefix that belong to no run; throws UsageError where the prefix cannot be one. */
export function clusterSubjects(prefix: string = DEFAULT_PREFIX): ClusterSubjects {
  checkPrefix(prefix);
  return { announcements: `${prefix}.down.*.announce`, registry: `${prefix}-runs` };
}

/** The names of a run's member; throws UsageError where the run cannot be named so. */
export function runSubjects(run: string, prefix: string = DEFAULT_PREFIX, member = 0): RunSubjects {
  checkPrefix(prefix);
  checkToken('Cannot use the run', 'run', run);
  const journals = `${prefix}.journal.${run}`;
  // a run's own name holds no equals sign
  const part = member === 0 ? run : `${run}=${member}`;
  return {
    prefix,
    run,
    member,
    mail: `${prefix}.up.${part}.mail`,
    bulk: `${prefix}.up.${part}.bulk`,
    all: `${prefix}.down.${part}.all`,
    announcement: `${prefix}.down.${part}.announce`,
    worker: (id) => `${prefix}.down.${part}.worker.${checkToken('Cannot reach the worker', 'worker', id)}`,
    journalStream: `${prefix}-${run}-journal`,
    journals: `${journals}.>`,
    journal: (member) => `${journals}.${member}`,
    journalParts: (member) => `${journals}.${member}.parts`,
    checkpoints: `${prefix}-${run}-checkpoints`,
  };
}

function checkPrefix(prefix: string): void {
  if (PREFIX.test(prefix)) return;
  throw new UsageError(
    `Cannot use the prefix: "prefix" must be up to 32 letters, digits and underscores, got ${JSON.stringify(prefix)}`,
  );
}
