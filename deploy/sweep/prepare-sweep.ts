/** Prepares a sweep: a new one from its file, or a resumed one from its folder. */
import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import type { SweepPlan } from '../../coordinator/population/plan.js';
import { canonicalJson } from '../../shared/canonical-json.js';
import { checkNumber } from '../../shared/check.js';
import { VERSION } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import { type LockOptions, lockFolder } from '../run/folder-lock.js';
import { problemOf } from '../run/problem-module.js';
import type { Flags } from '../run/train-flags.js';
import { readPlan, type StoredSweep, SweepFolder } from './sweep-folder.js';

const DEFAULT_PROBLEM = 'quadratic';

export interface PreparedSweep {
  folder: SweepFolder;
  plan: SweepPlan;
  stored: StoredSweep;
  /** Flags that all trials share. */
  flags: Flags;
  /** Unlocks the folder. */
  release: () => void;
}

/** Whether a positional argument is a sweep's file rather than a problem. */
export function isSweepFile(word: string | undefined): word is string {
  return word !== undefined && ['.yaml', '.yml'].includes(extname(word));
}

/**
 * The sweep that the flags start or, with --resume, continue. Its folder stays locked until `release` or the end of
 * this process. Throws UsageError and FileError.
 */
export async function prepareSweep(
  task: string,
  file: string | undefined,
  flags: Flags,
  patience: Omit<LockOptions, 'task'> = {},
): Promise<PreparedSweep> {
  if (flags['resume'] === true) return resumeSweep(task, file, flags, patience);
  if (file === undefined) throw new UsageError(`${task}: a sweep's file must be named, or --resume with --out`);
  const problemModule = flags['problem-module'] === undefined ? null : String(flags['problem-module']);
  const problem = (await problemOf(task, flags, undefined)) ?? DEFAULT_PROBLEM;
  const read = readPlan(file, problem);
  const stored: StoredSweep = {
    version: VERSION,
    digest: read.digest,
    problem: read.problem ?? problem,
    seed: numberOf(task, flags, 'seed', 0) ?? read.seed,
    parallel: numberOf(task, flags, 'parallel', 1) ?? read.parallel,
    problemModule,
  };
  const folder = new SweepFolder(String(flags['out'] ?? `runs/${basename(file, extname(file))}-${timeNow()}`));
  folder.create(file, stored);
  return preparedOf(folder, read, stored, await lockFolder(folder.path, { task: `${task} into` }));
}

/**
 * Reads the sweep in a folder. Throws UsageError, which begins with `task`, if there is none, and FileError if it is
 * damaged.
 */
export async function openSweep(
  task: string,
  folder: SweepFolder,
): Promise<{ stored: StoredSweep; plan: ReturnType<typeof readPlan> }> {
  const stored = folder.open(task);
  const module = stored.problemModule ?? undefined;
  await problemOf(task, module === undefined ? {} : { 'problem-module': module }, undefined);
  const { seed, parallel } = stored;
  return { stored, plan: { ...readPlan(folder.file, stored.problem), seed, parallel } };
}

async function resumeSweep(
  task: string,
  file: string | undefined,
  flags: Flags,
  patience: Omit<LockOptions, 'task'>,
): Promise<PreparedSweep> {
  if (flags['out'] === undefined) {
    throw new UsageError(`${task}: --resume needs --out, the folder of the sweep to resume`);
  }
  const folder = new SweepFolder(String(flags['out']));
  folder.checkVersion();
  const { stored, plan } = await openSweep('Cannot resume', folder);
  if (plan.digest !== stored.digest) {
    throw new UsageError(`Cannot resume ${folder.path}: its sweep.yaml must be unchanged since the sweep started`);
  }
  if (file !== undefined && readPlan(file, stored.problem).digest !== stored.digest) {
    throw new UsageError(`Cannot resume ${folder.path}: it must hold the sweep of ${file}, but holds another`);
  }
  for (const name of ['seed', 'parallel'] as const) {
    const given = numberOf(task, flags, name, 0);
    if (given === undefined || given === stored[name]) continue;
    throw new UsageError(`Cannot resume ${folder.path}: "${name}" must stay ${stored[name]}, got ${given}`);
  }
  return preparedOf(folder, plan, stored, await lockFolder(folder.path, { task: 'Cannot resume', ...patience }));
}

function preparedOf(folder: SweepFolder, plan: SweepPlan, stored: StoredSweep, release: () => void): PreparedSweep {
  const { seed, parallel, problemModule } = stored;
  const module = problemModule === null ? {} : { 'problem-module': problemModule };
  return { folder, stored, plan: { ...plan, seed, parallel }, flags: { ...plan.fixed, ...module }, release };
}

/** Digest of everything that determines a sweep's numbers: 64 hexadecimal digits. */
export function sweepDigest(stored: StoredSweep): string {
  const { problemModule: _path, ...numeric } = stored;
  return createHash('sha256').update(canonicalJson(numeric)).digest('hex');
}

function numberOf(task: string, flags: Flags, name: string, minimum: number): number | undefined {
  const value = flags[name];
  return value === undefined ? undefined : checkNumber(task, name, value, { integer: true, minimum });
}

function timeNow(): string {
  return new Date().toISOString().slice(0, 19).replace(/[-:]/g, '');
}
