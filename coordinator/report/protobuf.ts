/** As much of the protocol buffer encoding (protobuf.dev/programming-guides/encoding) as TensorBoard's events need. */

/** Wire types. */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** A non-negative whole number in groups of 7 bits, the lowest first; beyond 2^31 too, so not by shifting. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return bytes;
}

function key(field: number, wireType: number): number[] {
  return varint(field * 8 + wireType);
}

/** A field that holds a whole number ≥ 0; 0 is not written, as the encoding of version 3 has it. */
export function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from(value === 0 ? [] : [...key(field, VARINT), ...varint(value)]);
}

/** A field that holds a float64; 0 is not written. */
export function double(field: number, value: number): Uint8Array {
  if (value === 0) return new Uint8Array(0);
  const bytes = Buffer.from([...key(field, FIXED64), 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeDoubleLE(value, bytes.length - 8);
  return bytes;
}

/** A field that holds a float32, one of several that exclude each other: 0 is written. */
export function float(field: number, value: number): Uint8Array {
  const bytes = Buffer.from([...key(field, FIXED32), 0, 0, 0, 0]);
  bytes.writeFloatLE(value, bytes.length - 4);
  return bytes;
}

/** A field that holds a list of float64, packed. */
export function doubles(field: number, values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => void bytes.writeDoubleLE(value, 8 * i));
  return delimited(field, bytes);
}

/** A field that holds text. */
export function text(field: number, value: string): Uint8Array {
  return delimited(field, Buffer.from(value));
}

/** A field that holds a message, made of its fields. */
export function message(field: number, ...fields: readonly Uint8Array[]): Uint8Array {
  return delimited(field, Buffer.concat(fields));
}

function delimited(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([...key(field, DELIMITED), ...varint(bytes.length)]), bytes]);
}

/** The fields of a message: numbers for those of whole numbers, bytes for all others. Throws RangeError where it is cut short. */
export function* fieldsOf(bytes: Buffer): Generator<{ field: number; value: number | Buffer }> {
  let at = 0;
  function readVarint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes.readUInt8(at++);
      value += (byte % 0x80) * factor;
      if (byte < 0x80) return value;
    }
  }
  while (at < bytes.length) {
    const head = readVarint();
    const [field, wireType] = [Math.floor(head / 8), head % 8];
    if (wireType === VARINT) {
      yield { field, value: readVarint() };
      continue;
    }
    const length = wireType === DELIMITED ? readVarint() : wireType === FIXED64 ? 8 : 4;
    yield { field, value: bytes.subarray(at, at + length) };
    at += length;
  }
}
