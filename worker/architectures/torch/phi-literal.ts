/** φ as the text of a Python file. */

/** Characters of φ on a line of the file. */
const WIDTH = 112;

/** φ in base64, float32 and little-endian, as adjacent Python strings: a line each, indented by four spaces. */
export function phiLiteral(phi: Float32Array): string {
  const base64 = Buffer.from(phi.buffer, phi.byteOffset, phi.byteLength).toString('base64');
  const lines = Array.from(
    { length: Math.ceil(base64.length / WIDTH) },
    (_, line) => `    "${base64.slice(line * WIDTH, (line + 1) * WIDTH)}"`,
  );
  return lines.join('\n');
}
