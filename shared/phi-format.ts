/** φ as the bytes of a safetensors file: its tensors by name, and its network as metadata. Works in browsers too. */
import { FileError } from './errors.js';
import { MAXIMUM_LAYERS, type Network, PREPROCESSINGS, phiLength, phiTensors } from './phi.js';
import { decodeSafeTensors, encodeSafeTensors } from './safetensors.js';

/** The bytes of a φ file: a function of φ and its network alone. */
export function encodePhi(network: Network, phi: Float32Array): Uint8Array {
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

/** φ with the network that it is for. */
export interface NetworkPhi {
  network: Network;
  /** [phiLength]. */
  phi: Float32Array;
}

/** φ from the bytes of the file `path`; throws FileError where they are damaged, or hold what is not a number. */
export function decodePhi(path: string, bytes: Uint8Array): NetworkPhi {
  const { metadata, tensors } = decodeSafeTensors(path, bytes);
  const fail = (why: string) => new FileError(path, `Cannot read φ from ${path}: ${why}`);
  if (metadata['format'] !== 'lopt')
    throw fail(`its metadata must say format "lopt", got ${JSON.stringify(metadata['format'])}`);
  const layers = (metadata['layers'] ?? '').split(',').map(Number);
  if (!layers.every((units) => Number.isSafeInteger(units) && units > 0)) {
    throw fail(`its metadata must list the layers' units, got ${JSON.stringify(metadata['layers'])}`);
  }
  if (layers.length > MAXIMUM_LAYERS) throw fail(`it must have at most ${MAXIMUM_LAYERS} layers, got ${layers.length}`);
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
  return { network, phi };
}
