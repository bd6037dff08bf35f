/** φ as a file: its tensors by name, and its network as metadata. */
import { createHash } from 'node:crypto';
import { FileError } from './errors.js';
import { readFileNamed, writeFileWhole } from './files.js';
import { type Network, type Preprocessing, phiLength, phiTensors } from './phi.js';
import { decodeSafeTensors, encodeSafeTensors } from './safetensors.js';

const PREPROCESSINGS: readonly Preprocessing[] = ['log-and-sign', 'none'];

/** The bytes of a φ file: a function of φ and its network alone. */
export function encodePhi(network: Network, phi: Float32Array): Buffer {
  const metadata = {
    format: 'lopt',
    layers: network.layers.join(','),
    preprocessing: network.preprocessing,
    output_scale: String(network.outputScale),
  };
  const tensors = phiTensors(network).map(({ name, shape, offset, length }) => ({
    name,
    shape,
    values: phi.slice(offset, offset + length),
  }));
  return encodeSafeTensors({ metadata, tensors });
}

/** Writes φ, whole or not at all. */
export function writePhi(path: string, network: Network, phi: Float32Array): void {
  writeFileWhole(path, encodePhi(network, phi));
}

/** A φ that was read, with the sha256 of the file that `writePhi` makes of it. */
export interface PhiFile {
  network: Network;
  phi: Float32Array;
  hash: string;
}

/** Reads φ; throws FileError where the file is none, is damaged, or holds what is not a number. */
export function readPhi(path: string): PhiFile {
  const bytes = readFileNamed(path, 'φ');
  const { metadata, tensors } = decodeSafeTensors(path, bytes);
  const fail = (why: string) => new FileError(path, `Cannot read φ from ${path}: ${why}`);
  if (metadata['format'] !== 'lopt')
    throw fail(`its metadata must say format "lopt", got ${JSON.stringify(metadata['format'])}`);
  const layers = (metadata['layers'] ?? '').split(',').map(Number);
  if (!layers.every((units) => Number.isSafeInteger(units) && units > 0)) {
    throw fail(`its metadata must list the layers' units, got ${JSON.stringify(metadata['layers'])}`);
  }
  const preprocessing = PREPROCESSINGS.find((name) => name === metadata['preprocessing']);
  if (!preprocessing) {
    throw fail(
      `its preprocessing must be one of ${PREPROCESSINGS.join(', ')}, got ${JSON.stringify(metadata['preprocessing'])}`,
    );
  }
  const outputScale = Number(metadata['output_scale']);
  if (!(outputScale > 0 && Number.isFinite(outputScale)))
    throw fail(`its output scale must be positive, got ${JSON.stringify(metadata['output_scale'])}`);

  const network: Network = { layers, preprocessing, outputScale };
  // every tensor is checked before φ is made: a header may promise what the file does not hold
  const checked = phiTensors(network).map(({ name, shape, offset }) => {
    const tensor = tensors.find((candidate) => candidate.name === name);
    if (!tensor) throw fail(`tensor "${name}" is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw fail(`tensor "${name}" must have shape [${shape.join(', ')}], got [${tensor.shape.join(', ')}]`);
    }
    if (!tensor.values.every(Number.isFinite)) throw fail(`tensor "${name}" must hold finite numbers, and does not`);
    return { values: tensor.values, offset };
  });
  const phi = new Float32Array(phiLength(network));
  for (const { values, offset } of checked) phi.set(values, offset);
  return { network, phi, hash: createHash('sha256').update(encodePhi(network, phi)).digest('hex') };
}
