/** Which file a command means that takes a φ. */
import { existsSync } from 'node:fs';
import { FileError } from '../../shared/errors.js';
import { isFolder } from '../../shared/files.js';
import { RunFolder } from './run-folder.js';

/**
 * The file of the φ that a path names: a run's folder means its best φ. Throws FileError, which begins with `task`, if the
 * folder has none.
 */
export function phiFileAt(task: string, path: string): string {
  if (!isFolder(path)) return path;
  const { best } = new RunFolder(path);
  if (existsSync(best)) return best;
  throw new FileError(
    path,
    `${task}: the folder ${path} must hold φ as phi.safetensors; name a run's folder or a file`,
  );
}
