/** `--problem-module`: a problem family of the user's own. */
import { resolve } from 'node:path';
import { show } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import { loadProblemModule } from '../../worker/problems/modules.js';
import type { Flags } from './train-flags.js';

/** The flag, for commands that take it. */
export const MODULE_FLAG = {
  'problem-module': 'a JavaScript or TypeScript file whose default export is a problem family',
} as const;

/**
 * Loads the module that the flags name, if any, so that its family is available by name like any other.
 *
 * @returns the problem: `named`, otherwise the module's; undefined if there is neither
 */
export async function problemOf(task: string, flags: Flags, named: string | undefined): Promise<string | undefined> {
  const { 'problem-module': path } = withModulePath(task, flags);
  if (path === undefined) return named;
  const family = await loadProblemModule(String(path));
  return named ?? family.name;
}

/** Makes the module's path absolute, since a run stores it and may be resumed from another folder. */
export function withModulePath(task: string, flags: Flags, folder = process.cwd()): Flags {
  const path = flags['problem-module'];
  if (path === undefined) return flags;
  if (typeof path === 'string' && path !== '') return { ...flags, 'problem-module': resolve(folder, path) };
  throw new UsageError(`${task}: "problem-module" must be the path of a file, got ${show(path)}`);
}
