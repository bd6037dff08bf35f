/** The coordinate-wise LSTM of Andrychowicz et al. 2016, arXiv 1606.04474: its configuration. */
import { LoptError } from '../errors.js';
import { shapeOf } from '../options/kinds.js';
import { type OptionDeclarations, rowsOf } from '../options/option.js';
import { exactly, object } from '../shape.js';
import type { ArchitectureSpec, StatePart, TensorSpec } from './architecture.js';

/** How a gradient is presented to the network; the definition of each is in worker/architectures/lstm/definition.ts. */
export const PREPROCESSINGS = ['log-and-sign', 'none', 'rnnprop', 'both'] as const;

export type Preprocessing = (typeof PREPROCESSINGS)[number];

/** The most layers of a network: the kernels keep tables for this many. */
export const MAXIMUM_LAYERS = 8;

/** The p of LogAndSign that Andrychowicz et al. 2016 chose. A φ file that names none has it. */
const USUAL_P = 10;

/** The largest p: e^−p and e^p of every p up to it are normal float32 numbers. */
const LARGEST_P = 80;

/** The most units of a layer. */
const MAXIMUM_UNITS = 512;

/** The shape of the network. */
export interface LstmConfig {
  readonly type: 'lstm';
  /** Units of each LSTM layer, from the input up; 1 to MAXIMUM_LAYERS of them. */
  readonly layers: readonly number[];
  readonly preprocessing: Preprocessing;
  /** Factor on the output of the linear layer. */
  readonly outputScale: number;
  /** p of LogAndSign: gradients below e^−p in magnitude are scaled linearly instead of logarithmically. */
  readonly logAndSignP: number;
}

/** Numbers that the network reads per coordinate: the gradient itself, or what `preprocessing` makes of it. */
export function inputSize({ preprocessing }: Pick<LstmConfig, 'preprocessing'>): number {
  if (preprocessing === 'both') return 4;
  return preprocessing === 'none' ? 1 : 2;
}

/** Whether RNNProp's inputs are read: the state of a coordinate then includes their running means. */
export function hasMoments({ preprocessing }: Pick<LstmConfig, 'preprocessing'>): boolean {
  return preprocessing === 'rnnprop' || preprocessing === 'both';
}

/**
 * Per layer l `lstm_l/weights` [inputs + units, 4·units] (rows: what the layer reads from below, then its own h;
 * columns: gates i, c̃, f, o) and `lstm_l/biases` [4·units]; then `output/weights` [units, 1] and `output/biases` [1].
 * Weights start from N(0, 1/fan-in), those of the output with a tenth of that deviation: an optimizer that hardly moves
 * at first learns sooner than one that wanders off.
 */
function tensors(config: LstmConfig): TensorSpec[] {
  const result: TensorSpec[] = [];
  let below = inputSize(config);
  config.layers.forEach((units, layer) => {
    const name = `lstm_${layer + 1}`;
    result.push({
      name: `${name}/weights`,
      shape: [below + units, 4 * units],
      deviation: 1 / Math.sqrt(below + units),
    });
    result.push({ name: `${name}/biases`, shape: [4 * units], deviation: 0 });
    below = units;
  });
  result.push({ name: 'output/weights', shape: [below, 1], deviation: 0.1 / Math.sqrt(below) });
  result.push({ name: 'output/biases', shape: [1], deviation: 0 });
  return result;
}

/** h and c of each layer in turn, then p, m and v (RNNProp's running means) if they are read. */
function state(config: LstmConfig): StatePart[] {
  const layers = config.layers.flatMap((units, layer) => [
    { name: `lstm_${layer + 1}/hidden`, size: units },
    { name: `lstm_${layer + 1}/cell`, size: units },
  ]);
  return hasMoments(config) ? [...layers, { name: 'moments', size: 3 }] : layers;
}

const OPTIONS = {
  layers: {
    describe: 'units of the LSTM layers, as in 20,20',
    group: 'architecture',
    kind: {
      type: 'numbers',
      rule: { integer: true, minimum: 1, maximum: MAXIMUM_UNITS },
      default: [20, 20],
      length: { minimum: 1, maximum: MAXIMUM_LAYERS, of: 'layers' },
    },
    path: 'architecture.layers',
  },
  preprocessing: {
    describe: 'what the network reads of a gradient',
    group: 'architecture',
    kind: { type: 'choice', choices: PREPROCESSINGS, default: 'log-and-sign' },
    path: 'architecture.preprocessing',
    sources: [{ label: 'Lv et al. 2017', url: 'https://arxiv.org/abs/1703.03633' }],
  },
  'output-scale': {
    describe: 'factor on the output of the network',
    group: 'architecture',
    kind: { type: 'number', rule: { minimum: 0, exclusive: true }, default: 0.1 },
    path: 'architecture.outputScale',
    advice: 'outputScale',
  },
  'log-and-sign-p': {
    describe: 'p of log-and-sign, which reads gradients below e^-p in magnitude linearly',
    group: 'architecture',
    kind: { type: 'number', rule: { minimum: 0, exclusive: true, maximum: LARGEST_P }, default: USUAL_P },
    path: 'architecture.logAndSignP',
    sources: [{ label: 'Chen et al. 2020', url: 'https://arxiv.org/abs/2010.09089' }],
  },
} as const satisfies OptionDeclarations;

export const lstm: ArchitectureSpec<LstmConfig> = {
  type: 'lstm',
  summary: 'a coordinate-wise LSTM (Andrychowicz et al. 2016)',
  options: rowsOf(OPTIONS),
  shape: object<LstmConfig>({
    type: exactly('lstm'),
    layers: shapeOf(OPTIONS.layers.kind),
    preprocessing: shapeOf(OPTIONS.preprocessing.kind),
    outputScale: shapeOf(OPTIONS['output-scale'].kind),
    logAndSignP: shapeOf(OPTIONS['log-and-sign-p'].kind),
  }),
  tensors,
  reads: () => ['gradient'],
  state,
  flops(config) {
    let below = inputSize(config);
    let forward = 0;
    let state = 0;
    config.layers.forEach((units, layer) => {
      forward += 2 * (below + units) * 4 * units;
      // the bottom layer needs no gradient of its input
      state += 2 * ((layer > 0 ? below : 0) + units) * 4 * units;
      below = units;
    });
    forward += 2 * below;
    // the gradients of the weights cost as much as the forward pass
    return { forward, backward: forward + state };
  },
  indifferentiable(config) {
    // the root of the running mean square has no slope where gradients are 0
    return hasMoments(config) ? `"preprocessing" must not be ${config.preprocessing}` : undefined;
  },
  describe: ({ layers, preprocessing, outputScale, logAndSignP }) => {
    const p = logAndSignP === USUAL_P ? '' : ` with p ${logAndSignP}`;
    return `layers ${layers.join(',')}, preprocessing ${preprocessing}${p}, output scale ${outputScale}`;
  },
  // without the type: the first φ files were all of LSTMs
  toMetadata: ({ layers, preprocessing, outputScale, logAndSignP }) => ({
    layers: layers.join(','),
    preprocessing,
    output_scale: String(outputScale),
    // without the usual p: the first φ files name none
    ...(logAndSignP === USUAL_P ? {} : { log_and_sign_p: String(logAndSignP) }),
  }),
  fromMetadata(metadata) {
    const show = (key: string) => JSON.stringify(metadata[key]);
    const layers = (metadata['layers'] ?? '').split(',').map(Number);
    if (!layers.every((units) => Number.isSafeInteger(units) && units > 0)) {
      throw new LoptError(`its metadata must list the layers' units, got ${show('layers')}`);
    }
    if (layers.length > MAXIMUM_LAYERS) {
      throw new LoptError(`it must have at most ${MAXIMUM_LAYERS} layers, got ${layers.length}`);
    }
    const preprocessing = PREPROCESSINGS.find((name) => name === metadata['preprocessing']);
    if (!preprocessing) {
      throw new LoptError(
        `its preprocessing must be one of ${PREPROCESSINGS.join(', ')}, got ${show('preprocessing')}`,
      );
    }
    const outputScale = Number(metadata['output_scale']);
    if (!(outputScale > 0 && Number.isFinite(outputScale))) {
      throw new LoptError(`its output scale must be positive, got ${show('output_scale')}`);
    }
    const logAndSignP = Number(metadata['log_and_sign_p'] ?? USUAL_P);
    if (!(logAndSignP > 0 && logAndSignP <= LARGEST_P)) {
      throw new LoptError(
        `its p of log-and-sign must be above 0 and at most ${LARGEST_P}, got ${show('log_and_sign_p')}`,
      );
    }
    return { type: 'lstm', layers, preprocessing, outputScale, logAndSignP };
  },
};
