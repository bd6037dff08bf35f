/** How θ_0 of a network is drawn. */
import type { Key } from '../../shared/random.js';
import { coordinatesOf, drawNormal, drawScaled, type LayerShape } from './parameters.js';
import type { OptionSpec, OptionValues, ProblemFamily } from './problem.js';

/** The ways, each with the scale s that suits it. */
const SCALES = { normal: 0.01, scaled: 1, 'fan-in': 1 } as const;

type Initialisation = keyof typeof SCALES;

/** The options of a family whose θ_0 is drawn so unless the user says otherwise; wrap the family by `initialised`. */
export function initialisationOptions(standard: Initialisation) {
  return {
    initialisation: {
      type: 'choice',
      default: standard,
      choices: Object.keys(SCALES),
      describe:
        'θ_0 by s, the initial-scale: normal, all of it N(0, s²); scaled, N(0, s²/inputs) by layer; fan-in, the same with biases 0',
    },
    'initial-scale': {
      type: 'number',
      default: SCALES[standard],
      minimum: 0,
      describe: `s, by which θ_0 is drawn; unless it is given, ${textOf(SCALES)}`,
    },
  } as const satisfies Record<string, OptionSpec>;
}

function textOf(scales: Readonly<Record<string, number>>): string {
  return Object.entries(scales)
    .map(([name, scale]) => `${scale} for ${name}`)
    .join(', ');
}

/** The family with a default of `initial-scale` that suits the initialisation given. */
export function initialised(family: ProblemFamily): ProblemFamily {
  const { initialisation, 'initial-scale': scale } = family.options;
  if (initialisation?.type !== 'choice' || scale?.type !== 'number') {
    throw new TypeError(`Cannot give ${family.name} a scale: it must have the options of initialisationOptions()`);
  }
  return {
    ...family,
    forOptions(given) {
      const own = Object.entries(SCALES).find(([name]) => name === given['initialisation']);
      if (!own) return family;
      return { ...family, options: { ...family.options, 'initial-scale': { ...scale, default: own[1] } } };
    },
  };
}

/**
 * θ_0 of P networks, [P × d], by the options: of one deviation, or by layer so that its outputs are about as large as
 * its inputs, whatever the depth (LeCun et al. 1998, "Efficient BackProp").
 */
export function drawInitial(
  key: Key,
  count: number,
  layers: readonly LayerShape[],
  options: OptionValues,
): Float32Array {
  const scale = options['initial-scale'] as number;
  switch (options['initialisation'] as Initialisation) {
    case 'normal':
      return drawNormal(key, count, coordinatesOf(layers), scale);
    case 'scaled':
      return drawScaled(key, count, layers, scale);
    case 'fan-in':
      return withoutBiases(drawScaled(key, count, layers, scale), layers);
  }
}

/** θ [P × d] with all biases 0. */
function withoutBiases(theta: Float32Array, layers: readonly LayerShape[]): Float32Array {
  for (let at = 0; at < theta.length; ) {
    for (const { inputs, outputs } of layers) {
      const end = at + (inputs + 1) * outputs;
      theta.fill(0, at + inputs * outputs, end);
      at = end;
    }
  }
  return theta;
}
