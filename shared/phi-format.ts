/** φ as the bytes of a safetensors file: its tensors by name, and its architecture as metadata. Works in browsers too. */
import type { ArchitectureConfig } from './architectures/architecture.js';
import { architectureOf, DEFAULT_ARCHITECTURE } from './architectures/registry.js';
import { FileError, LoptError, messageOf } from './errors.js';
import { type LearnedPhi, phiLength, phiTensors } from './phi.js';
import { plainText } from './plain-text.js';
import { decodeSafeTensors, encodeSafeTensors } from './safetensors.js';

/** The bytes of a φ file: a function of φ and its architecture alone. */
export function encodePhi(architecture: ArchitectureConfig, phi: Float32Array): Uint8Array {
  const metadata = metadataOf(architecture);
  const tensors = phiTensors(architecture).map(({ name, shape, offset, length }) => ({
    name,
    shape,
    values: phi.slice(offset, offset + length),
  }));
  return encodeSafeTensors({ metadata, tensors });
}

function metadataOf(architecture: ArchitectureConfig): Record<string, string> {
  const { type } = architecture;
  return {
    format: 'lopt',
    ...(type === DEFAULT_ARCHITECTURE ? {} : { architecture: type }),
    ...architectureOf(architecture).toMetadata(architecture),
  };
}

/**
 * φ from the bytes of the file `path`. Throws FileError if they are damaged, hold numbers that are not finite, or say of
 * φ what this version does not know: it would compute other updates than were meant.
 */
export function decodePhi(path: string, bytes: Uint8Array): LearnedPhi {
  const { metadata, tensors } = decodeSafeTensors(path, bytes);
  const fail = (why: string, cause?: unknown) =>
    new FileError(path, `Cannot read φ from ${path}: ${plainText(why)}`, { cause });
  if (metadata['format'] !== 'lopt')
    throw fail(`its metadata must say format "lopt", got ${JSON.stringify(metadata['format'])}`);
  const architecture = architectureIn(metadata, fail);
  const unknown = unknownKey(metadata, architecture);
  if (unknown !== undefined) {
    throw fail(
      `its metadata must hold only what this version of lopt knows, got "${unknown}"; read it with the version that wrote it`,
    );
  }
  // every tensor is checked before φ is allocated: a header may promise what the file does not hold
  const checked = phiTensors(architecture).map(({ name, shape, offset }) => {
    const tensor = tensors.find((candidate) => candidate.name === name);
    if (!tensor) throw fail(`tensor "${name}" is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw fail(`tensor "${name}" must have shape [${shape.join(', ')}], got [${tensor.shape.join(', ')}]`);
    }
    if (!tensor.values.every(Number.isFinite)) throw fail(`tensor "${name}" must hold finite numbers, and does not`);
    return { values: tensor.values, offset };
  });
  const phi = new Float32Array(phiLength(architecture));
  for (const { values, offset } of checked) phi.set(values, offset);
  return { architecture, phi };
}

/** A key that is lopt's and that this version does not write; other programs' keys have a dot, as "modelspec.title". */
function unknownKey(metadata: Readonly<Record<string, string>>, architecture: ArchitectureConfig): string | undefined {
  const known = metadataOf(architecture);
  return Object.keys(metadata).find(
    (key) => !Object.hasOwn(known, key) && key !== 'architecture' && !key.includes('.'),
  );
}

function architectureIn(
  metadata: Readonly<Record<string, string>>,
  fail: (why: string, cause?: unknown) => FileError,
): ArchitectureConfig {
  try {
    return architectureOf({ type: metadata['architecture'] ?? DEFAULT_ARCHITECTURE }).fromMetadata(metadata);
  } catch (cause) {
    if (cause instanceof LoptError) throw fail(messageOf(cause), cause);
    throw cause;
  }
}
