/**
 * The safetensors format (github.com/huggingface/safetensors): 8 bytes of header length, a JSON header, the tensors'
 * bytes. Only float32 is used here. The bytes depend on the tensors and metadata alone. Works in browsers too.
 */
import { FileError } from './errors.js';
import { plainText } from './plain-text.js';

/** A float32 tensor. */
export interface NamedTensor {
  name: string;
  shape: readonly number[];
  values: Float32Array;
}

/** Tensors and text metadata of one file. */
export interface SafeTensors {
  metadata: Readonly<Record<string, string>>;
  tensors: NamedTensor[];
}

const LENGTH_BYTES = 8;
const SPACE = 0x20;

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** The file's bytes. */
export function encodeSafeTensors({ metadata, tensors }: SafeTensors): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let dataLength = 0;
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [dataLength, dataLength + values.byteLength] };
    dataLength += values.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // the format aligns data to 8 bytes: spaces pad the header
  const dataStart = LENGTH_BYTES + Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(dataStart + dataLength).fill(SPACE, 0, dataStart);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - LENGTH_BYTES), true);
  bytes.set(json, LENGTH_BYTES);
  let at = dataStart;
  for (const { values } of tensors) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

/**
 * The tensors of a file; throws FileError if the bytes are not a safetensors file of float32 tensors. As the format
 * demands, the tensors cover the data exactly: every byte belongs to one of them and no byte to two.
 */
export function decodeSafeTensors(path: string, bytes: Uint8Array): SafeTensors {
  const fail = (why: string) => new FileError(path, `Cannot read ${path} as safetensors: ${plainText(why)}`);
  if (bytes.length < LENGTH_BYTES) {
    throw fail(`it must begin with 8 bytes of header length, and has ${bytes.length} bytes`);
  }
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (headerLength > bytes.length - LENGTH_BYTES)
    throw fail(`its header must end within the file, and says it has ${headerLength} bytes`);
  const data = bytes.subarray(LENGTH_BYTES + headerLength);
  let header: Record<string, unknown>;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const text = decoder.decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerLength));
    header = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw fail('its header must be JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw fail('its header must be a JSON object');
  const places: Place[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const entry = value as Partial<HeaderEntry> | null;
    if (entry?.dtype !== 'F32') throw fail(`tensor "${name}" must be of type F32, got ${String(entry?.dtype)}`);
    const { shape, data_offsets: offsets } = entry;
    if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
      throw fail(`tensor "${name}" must have a shape and two offsets of whole numbers`);
    }
    const [begin, end] = offsets as [number, number];
    const length = shape.reduce((product, size) => product * size, 1);
    if (!(begin >= 0 && end <= data.length && end - begin === 4 * length)) {
      throw fail(
        `tensor "${name}" must lie within the file: it ends at byte ${end} of ${data.length}, so the file may be cut short`,
      );
    }
    places.push({ name, shape, begin, end });
  }
  const fault = coverageFault(places, data.length);
  if (fault !== undefined) throw fail(fault);
  const metadata = header['__metadata__'] ?? {};
  if (typeof metadata !== 'object' || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw fail('its metadata must be strings by name');
  }
  const tensors = places.map(({ name, shape, begin, end }): NamedTensor => {
    // a copy, since the offset within the file need not be aligned
    const copy = Uint8Array.from(data.subarray(begin, end));
    return { name, shape, values: new Float32Array(copy.buffer) };
  });
  return { metadata: metadata as Record<string, string>, tensors };
}

/** Where a tensor's bytes lie in the data: [begin, end). */
interface Place {
  name: string;
  shape: readonly number[];
  begin: number;
  end: number;
}

/** How tensors fail to cover the data exactly, in words; undefined if they do. */
function coverageFault(places: readonly Place[], length: number): string | undefined {
  let covered = 0;
  for (const { name, begin, end } of [...places].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered)
      return `tensor "${name}" must not overlap another one, and begins at byte ${begin} of ${covered}`;
    if (begin > covered) return `every byte must belong to a tensor, and none has those from ${covered} to ${begin}`;
    covered = end;
  }
  if (covered === length) return undefined;
  return `every byte must belong to a tensor, and none has those from ${covered} to ${length}, its end`;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
