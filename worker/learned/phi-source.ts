/** Reads the bytes of a φ file from a path or URL. */
import { FileError, messageOf } from '../../shared/errors.js';
import { nodeModule } from '../../shared/node-module.js';

/** In Node a string is a path unless it begins like this; in browsers it is always a URL. */
const REMOTE = /^(https?|data|blob):/i;

/** Reads a file (in Node) or fetches a URL; throws FileError if that fails. */
export async function readSource(source: string | URL): Promise<Uint8Array> {
  const files = nodeModule('node:fs/promises');
  const fail = (why: string, cause?: unknown) =>
    new FileError(String(source), `Cannot read φ from ${source}: ${why}`, { cause });
  try {
    if (files && !REMOTE.test(String(source))) return await files.readFile(source);
    const response = await fetch(source);
    if (!response.ok) throw fail(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    const missing = (cause as { code?: unknown }).code === 'ENOENT';
    throw fail(missing ? 'there is no such file' : messageOf(cause), cause);
  }
}
