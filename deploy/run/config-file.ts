/** Flags from a YAML file. */
import { dirname } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { suggestion } from '../../shared/check.js';
import { FileError, FlagFileError } from '../../shared/errors.js';
import { readFileNamed } from '../../shared/files.js';
import { aliasFault } from '../../shared/yaml-aliases.js';
import { withModulePath } from './problem-module.js';
import type { Flags } from './train-flags.js';

/**
 * Reads a file whose keys are flags without their dashes, as in `shards: 4`, with the problem as `problem: NAME` and its
 * options as `problem.NAME: VALUE`; a problem module is named from the file's own folder. Throws FileError that names line and column, or the nearest known key.
 */
export function readConfigFile(path: string, known: readonly string[]): { problem: string | undefined; flags: Flags } {
  const lineCounter = new LineCounter();
  const document = parseDocument(readFileNamed(path, 'flags').toString('utf8'), { prettyErrors: true, lineCounter });
  const [error] = document.errors;
  if (error) {
    const at = error.linePos?.[0];
    const where = at ? ` at line ${at.line}, column ${at.col}` : '';
    throw new FileError(
      path,
      `Cannot read flags from ${path}: it must be YAML, and is not${where} (${error.message.split('\n')[0]})`,
    );
  }
  const fault = aliasFault(document);
  if (fault) {
    const { line, col } = lineCounter.linePos(fault.at);
    throw new FlagFileError(path, `Cannot read flags from ${path}, line ${line}, column ${col}: ${fault.why}`);
  }
  const content: unknown = document.toJS({ maxAliasCount: -1 });
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new FileError(path, `Cannot read flags from ${path}: it must hold keys and values, as in "shards: 4"`);
  }
  const { problem, ...flags } = content as Record<string, unknown>;
  for (const name of Object.keys(flags)) {
    if (known.includes(name) || name.startsWith('problem.')) continue;
    throw new FileError(path, `Cannot read flags from ${path}: there is no flag "${name}"${suggestion(name, known)}`);
  }
  if (problem !== undefined && typeof problem !== 'string') {
    throw new FileError(path, `Cannot read flags from ${path}: "problem" must be the name of a problem family`);
  }
  return { problem, flags: withModulePath(`Cannot read flags from ${path}`, flags, dirname(path)) };
}
