/** Whom a coordinator and its workers trust: flags for keys, and for how much is computed twice. */
import { existsSync } from 'node:fs';
import { checkNumber, checkPath, show } from '../../shared/check.js';
import { DOUBLED_SHARE } from '../../shared/double-computation.js';
import { FileError, UsageError } from '../../shared/errors.js';
import { readFileNamed, writeFileWhole } from '../../shared/files.js';
import { type KeyKind, type KeyPair, newKeyPair, PUBLIC_KEY, pemOf, readKeyPair } from '../../shared/keys.js';
import { isToken } from '../../shared/subjects.js';
import type { Flags } from '../run/train-flags.js';

/** Flags of whatever coordinates. */
export const COORDINATOR_TRUST_FLAGS = {
  'double-check': `share of the work that two workers compute; at 1 nothing counts before (default ${DOUBLED_SHARE})`,
  'workers-file': 'file with the workers that may join: a name and a public key a line (default: any may)',
  'key-file':
    'file with the key that signs what is said to workers, made if it is missing (default: a new key each time)',
} as const;

/** Flags of a worker. */
export const WORKER_TRUST_FLAGS = {
  'key-file': "file with this worker's key, made if it is missing (default: a new key each time)",
  'coordinator-key': 'public keys of the coordinators to work for, separated by commas (default: any)',
} as const;

/** What a coordinator's flags say. */
export interface CoordinatorTrust {
  doubledShare: number;
  listed?: ReadonlyMap<string, string>;
  signingKey: KeyPair;
}

/** What a worker's flags say. */
export interface WorkerTrust {
  key: KeyPair;
  trusted?: readonly string[];
}

/** Reads a coordinator's flags and files. Throws UsageError and FileError. */
export function coordinatorTrust(task: string, flags: Flags): CoordinatorTrust {
  const { 'double-check': share = DOUBLED_SHARE, 'workers-file': workers } = flags;
  return {
    doubledShare: checkNumber(task, 'double-check', share, { minimum: 0, maximum: 1 }),
    ...(workers === undefined ? {} : { listed: readWorkers(checkPath(task, 'workers-file', workers)) }),
    signingKey: keyOf(task, flags, 'ed25519'),
  };
}

/** Reads a worker's flags and files. Throws UsageError and FileError. */
export function workerTrust(task: string, flags: Flags): WorkerTrust {
  const key = keyOf(task, flags, 'x25519');
  const given = flags['coordinator-key'];
  if (given === undefined) return { key };
  const trusted = String(given)
    .split(',')
    .map((each) => each.trim());
  const wrong = trusted.find((each) => !PUBLIC_KEY.test(each));
  if (wrong === undefined) return { key, trusted };
  throw new UsageError(`${task}: "coordinator-key" must be public keys as lopt key prints them, got ${show(wrong)}`);
}

function keyOf(task: string, { 'key-file': path }: Flags, kind: KeyKind): KeyPair {
  return path === undefined ? newKeyPair(kind) : keptKey(checkPath(task, 'key-file', path), kind);
}

/** The key pair of a file, which is made, for its owner alone, if it is missing. */
export function keptKey(path: string, kind: KeyKind): KeyPair {
  if (existsSync(path)) return readKeyPair(path, kind);
  const made = newKeyPair(kind);
  writeFileWhole(path, pemOf(made), { mode: 0o600 });
  return made;
}

/** The keys of the workers that a file lists, by name. Empty lines and what follows a # say nothing. */
function readWorkers(path: string): Map<string, string> {
  const listed = new Map<string, string>();
  const lines = readFileNamed(path, 'the list of workers').toString('utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const [name, key, ...more] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (!name) continue;
    const isWhole = isToken(name) && key !== undefined && PUBLIC_KEY.test(key) && more.length === 0;
    if (!isWhole || listed.has(name)) {
      const must = isWhole ? 'a name that no line before it has' : 'the name of a worker and its public key';
      throw new FileError(path, `Cannot use the list of workers: line ${index + 1} of ${path} must hold ${must}`);
    }
    listed.set(name, key);
  }
  return listed;
}
