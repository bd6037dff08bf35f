/** The parts of protocol buffers (protobuf.dev/programming-guides/encoding) that TensorBoard's events need. */

/** Wire types. */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** A varint: 7 bits a byte, the lowest first. Not by shifting, which stops at 2^31. */
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

/** A field with an integer ≥ 0; 0 is omitted, as in proto3. */
export function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from(value === 0 ? [] : [...key(field, VARINT), ...varint(value)]);
}

/** A field with a float64; 0 is omitted. */
export function double(field: number, value: number): Uint8Array {
  if (value === 0) return new Uint8Array(0);
  const bytes = Buffer.from([...key(field, FIXED64), 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeDoubleLE(value, bytes.length - 8);
  return bytes;
}

/** A field with a float32 in a oneof: 0 is written. */
export function float(field: number, value: number): Uint8Array {
  const bytes = Buffer.from([...key(field, FIXED32), 0, 0, 0, 0]);
  bytes.writeFloatLE(value, bytes.length - 4);
  return bytes;
}

/** A field with a packed list of float64. */
export function doubles(field: number, values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => void bytes.writeDoubleLE(value, 8 * i));
  return delimited(field, bytes);
}

/** A field with text. */
export function text(field: number, value: string): Uint8Array {
  return delimited(field, Buffer.from(value));
}

/** A field with a nested message, given by its fields. */
export function message(field: number, ...fields: readonly Uint8Array[]): Uint8Array {
  return delimited(field, Buffer.concat(fields));
}

function delimited(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([...key(field, DELIMITED), ...varint(bytes.length)]), bytes]);
}

/** The fields of a message: varints as numbers, all others as bytes. Throws RangeError if it is truncated. */
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
