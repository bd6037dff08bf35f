/** φ as a file. */
import { createHash } from 'node:crypto';
import { readFileNamed, writeFileWhole } from './files.js';
import type { Network } from './phi.js';
import { decodePhi, encodePhi, type NetworkPhi } from './phi-format.js';

/** Writes φ, whole or not at all. */
export function writePhi(path: string, network: Network, phi: Float32Array): void {
  writeFileWhole(path, encodePhi(network, phi));
}

/** A φ that was read, with the sha256 of the file that `writePhi` makes of it. */
export interface PhiFile extends NetworkPhi {
  hash: string;
}

/** Reads φ; throws FileError where the file is none, is damaged, or holds what is not a number. */
export function readPhi(path: string): PhiFile {
  const { network, phi } = decodePhi(path, readFileNamed(path, 'φ'));
  return { network, phi, hash: createHash('sha256').update(encodePhi(network, phi)).digest('hex') };
}
