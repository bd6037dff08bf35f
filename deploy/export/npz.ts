/** φ as an archive for `numpy.load`, with an array for each tensor and each property of the architecture. */

import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { phiTensors } from '../../shared/phi.js';
import { type Property, propertiesOf } from './properties.js';
import { encodeZip } from './zip.js';

/** An array of one of numpy's types, as `dtype.str` names them. */
interface NumpyArray {
  type: string;
  shape: readonly number[];
  bytes: Uint8Array;
}

/** The bytes of the archive, a function of φ and its architecture alone. */
export function encodeNpz(architecture: ArchitectureConfig, phi: Float32Array): Buffer {
  const arrays: Record<string, NumpyArray> = {};
  for (const { name, shape, offset, length } of phiTensors(architecture)) {
    arrays[name] = { type: '<f4', shape, bytes: bytesOf(phi.slice(offset, offset + length)) };
  }
  for (const [name, value] of Object.entries(propertiesOf(architecture))) arrays[name] = propertyArray(value);
  return encodeZip(Object.entries(arrays).map(([name, array]) => ({ name: `${name}.npy`, bytes: encodeNpy(array) })));
}

/** A property: lists become int64 arrays, numbers float64. */
function propertyArray(value: Property): NumpyArray {
  if (typeof value === 'string') return textArray(value);
  if (typeof value === 'object') {
    return { type: '<i8', shape: [value.length], bytes: bytesOf(BigInt64Array.from(value, BigInt)) };
  }
  if (typeof value === 'boolean') return { type: '|b1', shape: [], bytes: Uint8Array.of(value ? 1 : 0) };
  return { type: '<f8', shape: [], bytes: bytesOf(Float64Array.of(value)) };
}

/** Text as an array without dimensions; numpy stores 4 bytes per character. */
function textArray(text: string): NumpyArray {
  const points = Uint32Array.from(text, (character) => character.codePointAt(0)!);
  return { type: `<U${points.length}`, shape: [], bytes: bytesOf(points) };
}

function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Version 1.0 of numpy.lib.format: "\x93NUMPY", the version, 2 bytes of header length, a Python dict padded so that the
 * data begins at a multiple of 64, and the data in row-major order.
 */
function encodeNpy({ type, shape, bytes }: NumpyArray): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dict = `{'descr': '${type}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = 10;
  const header = `${dict.padEnd(Math.ceil((start + dict.length + 1) / 64) * 64 - start - 1)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header, 'latin1'), bytes]);
}
