/** φ as a file. */
import { createHash } from 'node:crypto';
import type { ArchitectureConfig } from './architectures/architecture.js';
import { readFileNamed, writeFileWhole } from './files.js';
import type { LearnedPhi } from './phi.js';
import { decodePhi, encodePhi } from './phi-format.js';

/** Writes φ, whole or not at all. */
export function writePhi(path: string, architecture: ArchitectureConfig, phi: Float32Array): void {
  writeFileWhole(path, encodePhi(architecture, phi));
}

/** A φ that was read, with the sha256 of the file that `writePhi` makes of it. */
export interface PhiFile extends LearnedPhi {
  hash: string;
}

/** Reads φ; throws FileError if the file is not a φ file, is damaged, or holds numbers that are not finite. */
export function readPhi(path: string): PhiFile {
  const { architecture, phi } = decodePhi(path, readFileNamed(path, 'φ'));
  return { architecture, phi, hash: createHash('sha256').update(encodePhi(architecture, phi)).digest('hex') };
}
