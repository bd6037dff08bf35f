/** Errors about faulty problem modules. */
import { isAbsolute, relative } from 'node:path';
import { FileError, messageOf } from '../../../shared/errors.js';

/** The path relative to the working folder, if it is below it. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') || isAbsolute(near) ? path : near;
}

/** How every sentence about a module begins. */
export function moduleTask(path: string): string {
  return `Cannot use problem module ${shownPath(path)}`;
}

/** The error about a module; `sentence` says what is required and what was found. */
export function moduleFault(path: string, sentence: string, cause?: unknown): FileError {
  return new FileError(path, `${moduleTask(path)}: ${sentence}`, { cause });
}

/** The error about a module that threw; `must` says what it should have done, as in "draw() must return". */
export function thrownFault(path: string, must: string, thrown: unknown): FileError {
  if (thrown instanceof FileError && thrown.path === path) return thrown;
  // without Node's require stack
  const text = messageOf(thrown).replace(/\nRequire stack:[\s\S]*/, '');
  return moduleFault(path, `${must}, but threw ${JSON.stringify(oneLine(text))}`, thrown);
}

/** The text on one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Runs code of the module; what it throws becomes a `thrownFault`. */
export function callModule<Result>(path: string, must: string, call: () => Result): Result {
  try {
    return call();
  } catch (cause) {
    throw thrownFault(path, must, cause);
  }
}

/** A value in words: numbers and strings as they are, anything else by its kind. */
export function kindOf(value: unknown): string {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength / bytesOf(value)}`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const kind = value.constructor?.name ?? 'Object';
  return kind === 'Object' ? 'an object' : `a ${kind}`;
}

function bytesOf(view: ArrayBufferView): number {
  return 'BYTES_PER_ELEMENT' in view ? (view.BYTES_PER_ELEMENT as number) : 1;
}
