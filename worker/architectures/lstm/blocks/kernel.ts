/** The interface of the LSTM's kernels on blocks of coordinates. */
import type { LstmConfig, Preprocessing } from '../../../../shared/architectures/lstm.js';
import { exp } from '../../../../shared/elementary.js';
import type { KernelMemory } from '../../../devices/kernel-memory.js';

/** The kernels' codes for the network's inputs. */
export const INPUT_CODES: Readonly<Record<Preprocessing, number>> = { none: 0, 'log-and-sign': 1, rnnprop: 2, both: 3 };

/** What the kernels are given of LogAndSign's p, as they round it to float32: e^−p, 1/p and e^p. */
export function logAndSignNumbers({
  logAndSignP: p,
}: Pick<LstmConfig, 'logAndSignP'>): [threshold: number, inverse: number, exponential: number] {
  return [exp(-p), 1 / p, exp(p)];
}

/** The passes of one block; arrays are byte offsets into the kernel's memory, wasm/assembly/ says what they hold. */
export interface BlockPasses {
  loadPhi(phi: number): void;
  forwardBlock(gradient: number, state: number, record: number, updates: number, width: number): void;
  /** Copies the state rows of a record to `state`. */
  copyState(record: number, state: number, width: number): void;
  backwardBlock(
    records: number,
    steps: number,
    gradients: number,
    gradientStride: number,
    weights: number,
    extra: number,
    scratch: number,
    dphi: number,
    width: number,
  ): void;
  backwardStep(
    record: number,
    slope: number,
    carry: number,
    gradient: number,
    inputSlope: number,
    limit: number,
    scratch: number,
    width: number,
  ): void;
  weightGradients(records: number, steps: number, dphi: number, width: number): void;
}

/** The rows of a block, [width] each. */
export interface BlockRows {
  /** Rows of the preprocessed gradient. */
  readonly inputRows: number;
  /** Rows of a block's state. */
  readonly stateRows: number;
  /** Rows of a block's record of one step. */
  readonly recordRows: number;
  /** Steps whose weight gradients are computed together. */
  readonly chunk: number;
}

/** A kernel for one network. */
export interface BlockKernel extends BlockRows {
  readonly passes: BlockPasses;
  readonly memory: KernelMemory;
  /** Bytes of activations up to which it is faster to keep them than to compute them again. */
  readonly activationBudget: number;
}

/**
 * The arithmetic of these kernels: another number whenever any of them computes other bits, and then all of them do.
 * With the same number and strictness they compute the same bits wherever multiply-adds are fused.
 */
const ARITHMETIC = 1;

/** The arithmetic in words, for a fingerprint: what computes it does not matter. */
export function arithmeticOf(strict: boolean): string {
  return `LSTM in blocks, arithmetic ${ARITHMETIC} (${strict ? 'strict' : 'fused'})`;
}
