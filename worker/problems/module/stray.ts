/**
 * What a module does that no call of it answers for: it ends the process or its thread, throws from a timer, or leaves a
 * rejection to nobody.
 */
import { isMainThread } from 'node:worker_threads';
import { FileError, messageOf } from '../../../shared/errors.js';
import { moduleFault, oneLine } from './fault.js';

/** The modules of this thread by their files. */
const modules = new Map<string, string>();

/** Adds a module that is about to be evaluated. In a thread, which its own exit would end, process.exit() throws then. */
export function watchModule(path: string): void {
  if (modules.size === 0 && !isMainThread) {
    process.exit = (code) => {
      throw exitFault(code)!;
    };
  }
  modules.set(path, path);
}

/** Adds the local files that a module imports, by their absolute paths. */
export function watchImports(path: string, files: readonly string[]): void {
  for (const file of files) modules.set(file, path);
}

/** The error about a module that has ended the process; undefined if there is no module. */
export function exitFault(code: number | string | null | undefined): FileError | undefined {
  return faultOfOne(`it must not end the process, but called process.exit(${code ?? 0})`);
}

/** The error about a module because of which nothing goes on; undefined if there is no module. */
export function stuckFault(): FileError | undefined {
  return faultOfOne('what it promises must come, but lopt waits and nothing is left that could bring it');
}

/** The error about a module that has thrown to nobody; undefined if it was no module, as far as can be told. */
export function strayFault(thrown: unknown): FileError | undefined {
  if (thrown instanceof FileError && modules.has(thrown.path)) return thrown;
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : undefined;
  // lopt and what it uses throw nothing but errors
  const file = [...modules.keys()].find((each) => stack === undefined || stack.includes(each));
  if (file === undefined) return undefined;
  const text = JSON.stringify(oneLine(messageOf(thrown)));
  return moduleFault(modules.get(file)!, `it must handle its own errors, but left ${text} to nobody`, thrown);
}

/** The first module is taken for the culprit: there is hardly ever another one. */
function faultOfOne(sentence: string): FileError | undefined {
  const [path] = modules.values();
  return path === undefined ? undefined : moduleFault(path, sentence);
}
