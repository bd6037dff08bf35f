import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { initialPhi } from '../../shared/phi.js';
import { readPhi, writePhi } from '../../shared/phi-file.js';
import { encodePhi } from '../../shared/phi-format.js';
import { seedKey } from '../../shared/random.js';
import { decodeSafeTensors, encodeSafeTensors, type NamedTensor } from '../../shared/safetensors.js';
import { assertFileError } from '../fixtures/damaged-files.js';
import { temporaryFolder } from '../fixtures/folder.js';

const NETWORK: LstmConfig = {
  type: 'lstm',
  layers: [3, 2],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};

function somePhi(): Float32Array {
  return Float32Array.from(initialPhi(NETWORK, seedKey(1)));
}

/** Writes the sample's file with other metadata or tensors. */
function writeChanged(
  path: string,
  {
    metadata = {},
    tensors = (list) => list,
  }: { metadata?: Record<string, string>; tensors?: (list: NamedTensor[]) => NamedTensor[] },
): void {
  const whole = decodeSafeTensors('sample', encodePhi(NETWORK, somePhi()));
  writeFileSync(
    path,
    encodeSafeTensors({ metadata: { ...whole.metadata, ...metadata }, tensors: tensors(whole.tensors) }),
  );
}

describe('writePhi() and readPhi()', () => {
  it('give φ, its network and the hash of its file back', (test) => {
    const path = join(temporaryFolder(test), 'phi.safetensors');
    const others: LstmConfig[] = [
      { type: 'lstm', layers: [20, 20], preprocessing: 'none', outputScale: 1 / 3, logAndSignP: 10 },
      { ...NETWORK, preprocessing: 'rnnprop' },
      { ...NETWORK, preprocessing: 'both' },
      { ...NETWORK, logAndSignP: 5 },
      { ...NETWORK, logAndSignP: 7.5, preprocessing: 'none' },
    ];
    for (const architecture of [NETWORK, ...others]) {
      const phi = Float32Array.from(initialPhi(architecture, seedKey(1)));
      writePhi(path, architecture, phi);
      const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
      assert.deepEqual(readPhi(path), { architecture, phi, hash });
    }
  });

  it('read tensors by name, in whatever order the file has them', (test) => {
    const path = join(temporaryFolder(test), 'phi.safetensors');
    writeChanged(path, { tensors: (list) => [...list].reverse() });
    assert.deepEqual(readPhi(path).phi, somePhi());
  });
});

describe('readPhi() of a file with more metadata', () => {
  it('throws FileError that names a key of lopt which this version does not know', (test) => {
    const path = join(temporaryFolder(test), 'phi.safetensors');
    for (const [key, shown] of [
      ['input_scale', 'input_scale'],
      ['momentum', 'momentum'],
      ['Layers', 'Layers'],
      ['gain\u001b[2J', 'gain'],
    ] as const) {
      writeChanged(path, { metadata: { [key]: '2' } });
      const { message } = assertFileError(() => readPhi(path), path);
      assert.match(message, new RegExp(`must hold only what this version of lopt knows, got "${shown}"; read it with`));
    }
  });

  it('ignores the keys of other programs, and takes the type of the default architecture', (test) => {
    const path = join(temporaryFolder(test), 'phi.safetensors');
    writePhi(path, NETWORK, somePhi());
    const plain = readPhi(path);
    writeChanged(path, { metadata: { 'modelspec.title': 'mine', architecture: 'lstm' } });
    assert.deepEqual(readPhi(path), plain);
  });
});

describe('encodePhi()', () => {
  it('gives bytes that depend on φ and its network alone', () => {
    const bytes = encodePhi(NETWORK, somePhi());
    const view = new Float32Array([5, ...somePhi(), 5]).subarray(1, somePhi().length + 1);
    assert.deepEqual(
      encodePhi(
        { outputScale: 0.1, logAndSignP: 10, preprocessing: 'log-and-sign', type: 'lstm', layers: [3, 2] },
        view,
      ),
      bytes,
    );
    const other = somePhi();
    other[7]! += 2 ** -20;
    assert.notDeepEqual(encodePhi(NETWORK, other), bytes);
    assert.notDeepEqual(encodePhi({ ...NETWORK, outputScale: 0.2 }, somePhi()), bytes);
    assert.notDeepEqual(encodePhi({ ...NETWORK, logAndSignP: 5 }, somePhi()), bytes);
  });

  it('names the p of log-and-sign only if it is not 10, as the first φ files do', () => {
    const metadataOf = (logAndSignP: number) =>
      decodeSafeTensors('phi', encodePhi({ ...NETWORK, logAndSignP }, somePhi())).metadata;
    const first = { format: 'lopt', layers: '3,2', preprocessing: 'log-and-sign', output_scale: '0.1' };
    assert.deepEqual({ ...metadataOf(10) }, first);
    assert.deepEqual({ ...metadataOf(7.5) }, { ...first, log_and_sign_p: '7.5' });
  });
});

describe('readPhi()', () => {
  it('throws FileError for a file that is cut at any length, or missing', (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'cut.safetensors');
    assert.match(assertFileError(() => readPhi(path), path).message, /there is no such file/);
    const bytes = encodePhi(NETWORK, somePhi());
    for (let length = 0; length < bytes.length; length += length < 16 || length > bytes.length - 16 ? 1 : 13) {
      writeFileSync(path, bytes.subarray(0, length));
      assertFileError(() => readPhi(path), path);
    }
    assertFileError(() => readPhi(folder), folder);
    assert.deepEqual(readdirSync(folder), ['cut.safetensors']);
  });

  it('throws FileError that says what is wrong', (test) => {
    const path = join(temporaryFolder(test), 'phi.safetensors');
    const withValue = (value: number) => (list: NamedTensor[]) =>
      list.map((tensor, i) =>
        i === 2 ? { ...tensor, values: tensor.values.map((old, j) => (j === 3 ? value : old)) } : tensor,
      );
    const cases: [Parameters<typeof writeChanged>[1], RegExp][] = [
      [{ metadata: { format: 'pt' } }, /format "lopt", got "pt"/],
      [{ metadata: { layers: '' } }, /list the layers' units, got ""/],
      [{ metadata: { layers: '3,0' } }, /list the layers' units, got "3,0"/],
      [{ metadata: { layers: '3,x' } }, /list the layers' units, got "3,x"/],
      [{ metadata: { layers: '3,2,1,1,1,1,1,1,1' } }, /at most 8 layers, got 9/],
      [{ metadata: { layers: '3' } }, /"output\/weights" must have shape \[3, 1\], got \[2, 1\]/],
      [{ metadata: { layers: '3,2,2' } }, /"lstm_3\/weights" is missing/],
      [{ metadata: { layers: '4,2' } }, /"lstm_1\/weights" must have shape \[6, 16\], got \[5, 12\]/],
      [{ metadata: { layers: '1000000000' } }, /"lstm_1\/weights" must have shape/],
      [{ metadata: { preprocessing: 'none' } }, /"lstm_1\/weights" must have shape \[4, 12\], got \[5, 12\]/],
      [{ metadata: { preprocessing: 'log' } }, /one of log-and-sign, none, rnnprop, both, got "log"/],
      [{ metadata: { output_scale: '0' } }, /output scale must be positive, got "0"/],
      [{ metadata: { output_scale: 'Infinity' } }, /output scale must be positive, got "Infinity"/],
      [{ metadata: { output_scale: 'x' } }, /output scale must be positive, got "x"/],
      [{ tensors: (list) => list.slice(1) }, /"lstm_1\/weights" is missing/],
      [{ tensors: withValue(Number.NaN) }, /"lstm_2\/weights" must hold finite numbers/],
      [{ tensors: withValue(Number.POSITIVE_INFINITY) }, /"lstm_2\/weights" must hold finite numbers/],
    ];
    for (const [change, why] of cases) {
      writeChanged(path, change);
      assert.match(assertFileError(() => readPhi(path), path).message, why);
    }
    writeFileSync(path, 'not a safetensors file at all');
    assertFileError(() => readPhi(path), path);
    writeFileSync(path, encodeSafeTensors({ metadata: {}, tensors: [] }));
    assert.match(assertFileError(() => readPhi(path), path).message, /format "lopt"/);
  });
});
