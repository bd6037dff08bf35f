/** φ: the parameters of a learned optimizer, as one flat vector, and what its entries mean. */
import type { ArchitectureConfig } from './architectures/architecture.js';
import { architectureOf } from './architectures/registry.js';
import { fillNormal, foldIn, type Key } from './random.js';

/** One tensor of φ. */
export interface PhiTensor {
  name: string;
  shape: readonly number[];
  /** First entry in the flat vector. */
  offset: number;
  length: number;
}

/** φ with the architecture that it is for. */
export interface LearnedPhi {
  architecture: ArchitectureConfig;
  /** [phiLength]. */
  phi: Float32Array;
}

/** The tensors of φ in the order of the flat vector. */
export function phiTensors(architecture: ArchitectureConfig): PhiTensor[] {
  let offset = 0;
  return architectureOf(architecture)
    .tensors(architecture)
    .map(({ name, shape }) => {
      const length = sizeOf(shape);
      const tensor = { name, shape, offset, length };
      offset += length;
      return tensor;
    });
}

/** The length of φ. */
export function phiLength(architecture: ArchitectureConfig): number {
  return architectureOf(architecture)
    .tensors(architecture)
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** φ_0, [phiLength]: normal draws with each tensor's own deviation. The same key gives the same bits. */
export function initialPhi(architecture: ArchitectureConfig, key: Key): Float64Array {
  const specs = architectureOf(architecture).tensors(architecture);
  const phi = new Float64Array(phiLength(architecture));
  phiTensors(architecture).forEach(({ offset, length }, index) => {
    const { deviation } = specs[index]!;
    if (deviation === 0) return;
    const draws = new Float32Array(length);
    fillNormal(foldIn(key, index), draws, 0, deviation);
    phi.set(draws, offset);
  });
  return phi;
}

/** Numbers of state per coordinate, by part. */
export function stateSizes(architecture: ArchitectureConfig): number[] {
  return architectureOf(architecture)
    .state(architecture)
    .map(({ size }) => size);
}

/** Numbers of state per coordinate. */
export function stateSize(architecture: ArchitectureConfig): number {
  return stateSizes(architecture).reduce((sum, size) => sum + size, 0);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
