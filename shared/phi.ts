/** φ: the parameters of the learned optimizer, as one flat vector, and what its entries mean. */
import { fillNormal, foldIn, type Key } from './random.js';

/** How a gradient is presented to the network; the definition of each is in worker/architectures/lstm/definition.ts. */
export const PREPROCESSINGS = ['log-and-sign', 'none', 'rnnprop', 'both'] as const;

export type Preprocessing = (typeof PREPROCESSINGS)[number];

/** Layers that a network may have: what the kernel keeps tables for. */
export const MAXIMUM_LAYERS = 8;

/** The shape of the coordinate-wise LSTM. */
export interface Network {
  /** Units of each LSTM layer, from the input up; 1 to MAXIMUM_LAYERS of them. */
  layers: readonly number[];
  preprocessing: Preprocessing;
  /** Factor on the output of the linear layer. */
  outputScale: number;
}

/** One tensor of φ. */
export interface PhiTensor {
  name: string;
  shape: readonly number[];
  /** First entry in the flat vector. */
  offset: number;
  length: number;
}

/** Numbers that the network reads for each coordinate: the gradient itself, or what `preprocessing` makes of it. */
export function inputSize(network: Network): number {
  if (network.preprocessing === 'both') return 4;
  return network.preprocessing === 'none' ? 1 : 2;
}

/**
 * The tensors of φ in the order of the flat vector: per layer l `lstm_l/weights` [inputs + units, 4·units] (rows: what
 * the layer reads from below, then its own h; columns: gates i, c̃, f, o) and `lstm_l/biases` [4·units]; then
 * `output/weights` [units, 1] and `output/biases` [1].
 */
export function phiTensors(network: Network): PhiTensor[] {
  const tensors: PhiTensor[] = [];
  let offset = 0;
  function add(name: string, ...shape: number[]): void {
    const length = shape.reduce((product, size) => product * size, 1);
    tensors.push({ name, shape, offset, length });
    offset += length;
  }
  let below = inputSize(network);
  network.layers.forEach((units, layer) => {
    add(`lstm_${layer + 1}/weights`, below + units, 4 * units);
    add(`lstm_${layer + 1}/biases`, 4 * units);
    below = units;
  });
  add('output/weights', below, 1);
  add('output/biases', 1);
  return tensors;
}

/** Whether RNNProp's inputs are read: a coordinate then keeps their running means. */
export function hasMoments({ preprocessing }: Pick<Network, 'preprocessing'>): boolean {
  return preprocessing === 'rnnprop' || preprocessing === 'both';
}

/**
 * Numbers of hidden state that a coordinate has, by part: h and c of each layer in turn, then p, m and v where the inputs
 * are RNNProp's.
 */
export function stateParts({ layers, preprocessing }: Pick<Network, 'layers' | 'preprocessing'>): number[] {
  return [...layers.flatMap((units) => [units, units]), ...(hasMoments({ preprocessing }) ? [3] : [])];
}

/** How many numbers φ has. */
export function phiLength(network: Network): number {
  return phiTensors(network).reduce((sum, tensor) => sum + tensor.length, 0);
}

/**
 * φ_0, [phiLength]: weights from N(0, 1/fan-in), those of the output a tenth of that, biases 0: an optimizer that hardly
 * moves at first learns sooner than one that strays. The same key gives the same bits.
 */
export function initialPhi(network: Network, key: Key): Float64Array {
  const phi = new Float64Array(phiLength(network));
  phiTensors(network).forEach((tensor, index) => {
    if (tensor.name.endsWith('biases')) return;
    const draws = new Float32Array(tensor.length);
    const gain = tensor.name.startsWith('output') ? 0.1 : 1;
    fillNormal(foldIn(key, index), draws, 0, gain / Math.sqrt(tensor.shape[0]!));
    phi.set(draws, tensor.offset);
  });
  return phi;
}
