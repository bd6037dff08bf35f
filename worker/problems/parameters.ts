/** The parameters of networks: their number, their tensors, and their initial values. */
import { UsageError } from '../../shared/errors.js';
import { fillNormal, type Key } from '../../shared/random.js';
import type { ParameterTensor } from './problem.js';
import { streamKey } from './streams.js';

/** The kernel of dense networks holds about five copies of the parameters in at most 4 GiB. */
const MOST_COORDINATES = 2 ** 26;

/** A layer's parameters are inputs × outputs weights, then as many biases as outputs. */
export interface LayerShape {
  /** Values that each output sums over. */
  readonly inputs: number;
  readonly outputs: number;
  /** Shape of the weights. @default [inputs, outputs] */
  readonly shape?: readonly number[];
}

/** The number of parameters of a network, d. */
export function coordinatesOf(layers: readonly LayerShape[]): number {
  return layers.reduce((sum, { inputs, outputs }) => sum + (inputs + 1) * outputs, 0);
}

/**
 * The tensors of a network's θ, layer by layer: `layer_1/weights`, `layer_1/biases`, …, `output/weights`,
 * `output/biases`.
 */
export function tensorsOf(layers: readonly LayerShape[]): ParameterTensor[] {
  return layers.flatMap(({ inputs, outputs, shape = [inputs, outputs] }, l) => {
    const layer = l === layers.length - 1 ? 'output' : `layer_${l + 1}`;
    return [
      { name: `${layer}/weights`, shape },
      { name: `${layer}/biases`, shape: [outputs] },
    ];
  });
}

/** Throws UsageError that names the option if there are too many parameters. */
export function checkCoordinates(family: string, option: string, coordinates: number): void {
  if (coordinates <= MOST_COORDINATES) return;
  const limit = `at most ${MOST_COORDINATES} parameters`;
  throw new UsageError(`Cannot configure ${family}: "${option}" must be widths that give ${limit}, got ${coordinates}`);
}

/** θ_0 of P problems, [P × d], all from N(0, scale²). */
export function drawNormal(key: Key, count: number, coordinates: number, scale: number): Float32Array {
  const theta = new Float32Array(count * coordinates);
  for (let p = 0; p < count && scale > 0; p++) {
    fillNormal(streamKey(key, 'theta', p), theta.subarray(p * coordinates, (p + 1) * coordinates), 0, scale);
  }
  return theta;
}

/**
 * θ_0 of P problems, [P × d], for networks of any depth: weights and biases of a layer are N(0, scale²/inputs), so that
 * its outputs are about as large as its inputs (LeCun et al. 1998, "Efficient BackProp").
 */
export function drawScaled(key: Key, count: number, layers: readonly LayerShape[], scale: number): Float32Array {
  const theta = drawNormal(key, count, coordinatesOf(layers), scale);
  let at = 0;
  for (let p = 0; p < count; p++) {
    for (const { inputs, outputs } of layers) {
      const factor = 1 / Math.sqrt(inputs);
      for (const end = at + (inputs + 1) * outputs; at < end; at++) theta[at]! *= factor;
    }
  }
  return theta;
}
