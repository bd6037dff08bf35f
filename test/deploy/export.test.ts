import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeJson } from '../../deploy/export/json.js';
import { encodeNpz } from '../../deploy/export/npz.js';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { phiLength, phiTensors } from '../../shared/phi.js';
import { writePhi } from '../../shared/phi-file.js';
import { fillNormal, foldIn, seedKey } from '../../shared/random.js';
import { lstmStep, zeroLstmState } from '../../worker/architectures/lstm/definition.js';
import { encodeTorch } from '../../worker/architectures/lstm/torch.js';
import { networkOf, relativeError } from '../contracts/engine.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { hasPython, runPython } from '../fixtures/python.js';
import { loadWindowFixtures } from '../fixtures/window.js';

const NETWORKS: readonly LstmConfig[] = [
  { type: 'lstm', layers: [20, 20], preprocessing: 'log-and-sign', outputScale: 0.1, logAndSignP: 10 },
  { type: 'lstm', layers: [3], preprocessing: 'none', outputScale: 1 / 3, logAndSignP: 10 },
  { type: 'lstm', layers: [5, 7, 4], preprocessing: 'log-and-sign', outputScale: 1e-7, logAndSignP: 10 },
  { type: 'lstm', layers: [4, 3], preprocessing: 'rnnprop', outputScale: 0.1, logAndSignP: 10 },
  { type: 'lstm', layers: [4, 3], preprocessing: 'both', outputScale: 0.1, logAndSignP: 10 },
  { type: 'lstm', layers: [2], preprocessing: 'log-and-sign', outputScale: 0.01, logAndSignP: 5 },
];

/** Numbers that are easily lost on the way: subnormal, huge, −0, and such as need every digit. */
function phiOf(architecture: LstmConfig): Float32Array {
  const phi = new Float32Array(phiLength(architecture));
  fillNormal(seedKey(1), phi, 0, 1);
  phi.set([1e-45, -3.4028234663852886e38, -0, 0.1, 16777217]);
  // a view into something larger, as φ may be
  return new Float32Array([9, ...phi, 9]).subarray(1, phi.length + 1);
}

function assertBits(bytes: Uint8Array, values: Float32Array): void {
  assert.ok(Buffer.from(values.buffer, values.byteOffset, values.byteLength).equals(bytes), 'other bits');
}

/** CRC-32 bit by bit (ISO 3309). */
function slowCrc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** The files of an archive that are stored as they are, by its directory; throws where that and they do not agree. */
function unzip(archive: Buffer): Map<string, Buffer> {
  const end = archive.length - 22;
  assert.equal(archive.readUInt32LE(end), 0x06054b50);
  const files = new Map<string, Buffer>();
  let at = archive.readUInt32LE(end + 16);
  assert.equal(at + archive.readUInt32LE(end + 12), end);
  for (let index = 0; index < archive.readUInt16LE(end + 10); index++) {
    assert.equal(archive.readUInt32LE(at), 0x02014b50);
    const [method, crc, size] = [
      archive.readUInt16LE(at + 10),
      archive.readUInt32LE(at + 16),
      archive.readUInt32LE(at + 20),
    ];
    const nameLength = archive.readUInt16LE(at + 28);
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    const local = archive.readUInt32LE(at + 42);
    assert.equal(archive.readUInt32LE(local), 0x04034b50);
    // version to sizes and lengths: the file's own header says the same
    assert.ok(archive.subarray(local + 4, local + 30).equals(archive.subarray(at + 6, at + 32)));
    assert.equal(archive.toString('utf8', local + 30, local + 30 + nameLength), name);
    const bytes = archive.subarray(local + 30 + nameLength, local + 30 + nameLength + size);
    assert.equal(method, 0);
    assert.equal(slowCrc32(bytes), crc);
    files.set(name, bytes);
    at += 46 + nameLength;
  }
  assert.equal(at, end);
  return files;
}

/** An array of numpy: its type, shape and bytes (numpy.lib.format, version 1.0). */
function parseNpy(bytes: Buffer): { type: string; shape: number[]; data: Buffer } {
  assert.equal(bytes.toString('latin1', 0, 8), '\x93NUMPY\x01\x00');
  const start = 10 + bytes.readUInt16LE(8);
  assert.equal(start % 64, 0);
  const header = bytes.toString('latin1', 10, start);
  const [, type, shape] = /^\{'descr': '(.*)', 'fortran_order': False, 'shape': \((.*)\), \} *\n$/.exec(header)!;
  return { type: type!, shape: shape!.split(',').filter(Boolean).map(Number), data: bytes.subarray(start) };
}

describe('encodeNpz()', () => {
  for (const architecture of NETWORKS) {
    it(`holds every tensor to the bit, and the architecture: ${architecture.layers}`, () => {
      const phi = phiOf(architecture);
      const files = unzip(encodeNpz(architecture, phi));
      const tensors = phiTensors(architecture);
      const names = [...tensors.map(({ name }) => name), 'layers', 'preprocessing', 'output_scale', 'log_and_sign_p'];
      assert.deepEqual(
        [...files.keys()],
        names.map((name) => `${name}.npy`),
      );
      for (const { name, shape, offset, length } of tensors) {
        const { type, shape: stored, data } = parseNpy(files.get(`${name}.npy`)!);
        assert.deepEqual([type, stored], ['<f4', shape]);
        assertBits(data, phi.slice(offset, offset + length));
      }
      const layers = parseNpy(files.get('layers.npy')!);
      assert.deepEqual([layers.type, layers.shape], ['<i8', [architecture.layers.length]]);
      assert.deepEqual(
        architecture.layers.map((_, i) => Number(layers.data.readBigInt64LE(8 * i))),
        architecture.layers,
      );
      const text = parseNpy(files.get('preprocessing.npy')!);
      assert.deepEqual([text.type, text.shape], [`<U${architecture.preprocessing.length}`, []]);
      assert.equal(text.data.toString('utf16le').replaceAll('\0', ''), architecture.preprocessing);
      const scale = parseNpy(files.get('output_scale.npy')!);
      assert.deepEqual([scale.type, scale.shape, scale.data.readDoubleLE()], ['<f8', [], architecture.outputScale]);
      const p = parseNpy(files.get('log_and_sign_p.npy')!);
      assert.deepEqual([p.type, p.shape, p.data.readDoubleLE()], ['<f8', [], architecture.logAndSignP]);
    });
  }
});

describe('encodeJson()', () => {
  for (const architecture of NETWORKS) {
    it(`holds every tensor to the bit, and the architecture: ${architecture.layers}`, () => {
      const phi = phiOf(architecture);
      const { tensors, ...properties } = JSON.parse(encodeJson(architecture, phi)) as {
        tensors: Record<string, { shape: number[]; values: number[] }>;
      };
      const { layers, preprocessing, outputScale, logAndSignP } = architecture;
      const scalars = { output_scale: outputScale, log_and_sign_p: logAndSignP };
      assert.deepEqual(properties, { format: 'lopt', layers, preprocessing, ...scalars });
      assert.deepEqual(
        Object.entries(tensors).map(([name, { shape }]) => [name, shape]),
        phiTensors(architecture).map(({ name, shape }) => [name, shape]),
      );
      const stored = Float32Array.from(Object.values(tensors).flatMap(({ values }) => values));
      assertBits(new Uint8Array(stored.buffer), phi);
    });
  }
});

describe('encodeTorch()', () => {
  for (const architecture of NETWORKS) {
    it(`holds φ to the bit, and the architecture: ${architecture.layers}`, () => {
      const phi = phiOf(architecture);
      const source = encodeTorch(architecture, phi);
      const base64 = /^PHI = \(\n(.*?)^\)\n/ms.exec(source)![1]!.replaceAll(/[\s"]/g, '');
      assertBits(Buffer.from(base64, 'base64'), phi);
      assert.ok(source.includes(`\nLAYERS = [${architecture.layers.join(', ')}]\n`));
      assert.ok(source.includes(`\nPREPROCESSING = "${architecture.preprocessing}"\n`));
      const scale = /^OUTPUT_SCALE = (.*)$/m.exec(source)![1];
      assert.equal(Number(scale), architecture.outputScale);
      assert.equal(Number(/^LOG_AND_SIGN_P = (.*)$/m.exec(source)![1]), architecture.logAndSignP);
      assert.ok(source.split('\n').every((line) => line.length <= 120));
    });
  }
});

/** Gradients [steps][coordinates], the updates that our definition makes of them, and what PyTorch is to do the same with. */
interface TorchCase {
  name: string;
  architecture: LstmConfig;
  phi: Float32Array;
  gradients: number[][];
  /** h and c of each layer in turn; null for zeros. */
  state: Float32Array[] | null;
}

function torchCases(): TorchCase[] {
  const windows = loadWindowFixtures().map((fixture): TorchCase => {
    const { name, phi, coordinates, steps, gradients, initialState } = fixture;
    const rows = Array.from({ length: steps }, (_, t) => [
      ...gradients.subarray(t * coordinates, (t + 1) * coordinates),
    ]);
    return { name, architecture: networkOf(fixture), phi, gradients: rows, state: initialState };
  });
  // as in a minimisation: a hundred steps, from 10 to 1e-7
  const falling = Array.from({ length: 100 }, (_, t) => {
    const row = new Float32Array(8);
    fillNormal(foldIn(seedKey(2), t), row, 0, 10 * 10 ** (-8 * (t / 99)));
    return [...row];
  });
  const { phi, architecture } = windows[1]!;
  const lone = { phi, gradients: falling, state: null };
  return [
    ...windows,
    { ...lone, name: 'a hundred falling gradients', architecture },
    { ...lone, name: 'the same by another p', architecture: { ...architecture, logAndSignP: 5 } },
  ];
}

function ourUpdates({ architecture, phi, gradients, state }: TorchCase): number[][] {
  let now: Float64Array[] = state
    ? state.map((part) => Float64Array.from(part))
    : zeroLstmState(architecture, gradients[0]!.length);
  return gradients.map((gradient) => {
    const step = lstmStep(architecture, Float64Array.from(phi), Float64Array.from(gradient), now);
    now = step.state;
    return [...step.updates];
  });
}

/** [coordinates × units] as rows, under the names that the exported optimizer has for them. */
function namedState({ architecture, state }: TorchCase): Record<string, number[][]> | null {
  if (!state) return null;
  const rowsOf = (values: Float32Array, units: number) =>
    Array.from({ length: values.length / units }, (_, row) => [...values.subarray(row * units, (row + 1) * units)]);
  return Object.fromEntries(
    architecture.layers.flatMap((units, layer) => [
      [`hidden_${layer + 1}`, rowsOf(state[2 * layer]!, units)],
      [`cell_${layer + 1}`, rowsOf(state[2 * layer + 1]!, units)],
    ]),
  );
}

describe('PyTorch', () => {
  it('makes our updates with the exported optimizer, also after it was saved and loaded', (test) => {
    if (!hasPython(test, 'torch')) return;
    const folder = temporaryFolder(test);
    const cases = torchCases();
    const asked = cases.flatMap((each, index) => {
      const module = join(folder, `phi_${index}.py`);
      writeFileSync(module, encodeTorch(each.architecture, each.phi));
      const { gradients } = each;
      return ['float32', 'float64'].map((dtype) => ({ module, dtype, gradients, state: namedState(each) }));
    });
    const path = join(folder, 'cases.json');
    writeFileSync(path, JSON.stringify(asked));
    const answers = runPython('torch_updates.py', path) as { updates: number[][]; resumed: number[][] }[];
    assert.equal(answers.length, 2 * cases.length);
    cases.forEach((each, index) => {
      const expected = ourUpdates(each).flat();
      for (const [dtype, bound] of [1e-5, 1e-12].entries()) {
        const { updates, resumed } = answers[2 * index + dtype]!;
        const error = relativeError(updates.flat(), expected);
        assert.ok(error < bound, `${each.name}, ${asked[2 * index + dtype]!.dtype}: ${error}`);
        assert.deepEqual(resumed, updates, each.name);
      }
    });
  });

  it('and numpy read the φ file and the .npz to the bit', (test) => {
    if (!hasPython(test, 'numpy', 'torch', 'safetensors')) return;
    const folders = NETWORKS.map((architecture) => {
      const folder = temporaryFolder(test);
      writePhi(join(folder, 'phi.safetensors'), architecture, phiOf(architecture));
      writeFileSync(join(folder, 'phi.npz'), encodeNpz(architecture, phiOf(architecture)));
      return folder;
    });
    const answers = runPython('phi_read.py', ...folders) as Record<string, Record<string, unknown>>[];
    for (const [index, architecture] of NETWORKS.entries()) {
      const phi = phiOf(architecture);
      const { metadata, ...readers } = answers[index]!;
      const { layers, preprocessing, outputScale, logAndSignP } = architecture;
      assert.deepEqual(metadata, {
        format: 'lopt',
        layers: layers.join(','),
        preprocessing,
        output_scale: String(outputScale),
        ...(logAndSignP === 10 ? {} : { log_and_sign_p: String(logAndSignP) }),
      });
      const array = (dtype: string, shape: readonly number[], values: NodeJS.TypedArray) => ({
        dtype,
        shape,
        bytes: Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
      });
      const tensors = Object.fromEntries(
        phiTensors(architecture).map(({ name, shape, offset, length }) => [
          name,
          array('float32', shape, phi.slice(offset, offset + length)),
        ]),
      );
      assert.deepEqual(readers, {
        'safetensors.numpy': tensors,
        'safetensors.torch': tensors,
        'numpy.load': {
          ...tensors,
          layers: array('int64', [layers.length], BigInt64Array.from(layers, BigInt)),
          preprocessing,
          output_scale: array('float64', [], Float64Array.of(outputScale)),
          log_and_sign_p: array('float64', [], Float64Array.of(logAndSignP)),
        },
      });
    }
  });
});
