/** Several problem distributions as one: every episode draws one of them. */
import type { ClosedForms, Gradient, Mixture, Problems } from './problem.js';
import { MOST_READY, Recent } from './recent.js';
import { streamKey } from './streams.js';

/** Problems that each episode draws from the component that its key picks. No component is a mixture. */
export function mixtureOf(mixture: Mixture): Problems {
  const { components, pick } = mixture;
  const componentOf = (key: Parameters<Mixture['pick']>[0]) => components[pick(key)]!;
  return {
    coordinates: components.reduce((most, { coordinates }) => Math.max(most, coordinates), 0),
    draw: (key, count, split) => componentOf(key).draw(key, count, split),
    loss: (tf, theta, batch, step) => componentOf(batch.key).loss(tf, theta, batch, step),
    ...(components.every(({ createGradient }) => createGradient) && {
      createGradient: (forms) => mixedGradient(mixture, forms),
    }),
    mixture,
  };
}

/** The gradient of whichever component an episode has, made when it is first met. */
function mixedGradient({ components, pick }: Mixture, forms?: ClosedForms): Gradient {
  const ready = new Recent<Gradient>(MOST_READY);
  const gradientOf = (index: number): Gradient => {
    const found = ready.get(index);
    if (found) return found;
    const made = components[index]!.createGradient!(forms);
    ready.put(index, made);
    return made;
  };
  return (theta, batch, step, gradient, losses) => gradientOf(pick(batch.key))(theta, batch, step, gradient, losses);
}

/** Distributions, mixtures among them, of which each episode draws one with a probability proportional to its weight. */
export function weighted(parts: readonly Problems[], weights: readonly number[]): Mixture {
  const mixtures = parts.map((part): Mixture => part.mixture ?? { components: [part], pick: () => 0, probes: [0] });
  const offsets = mixtures.map((_, i) =>
    mixtures.slice(0, i).reduce((sum, { components }) => sum + components.length, 0),
  );
  return {
    components: mixtures.flatMap(({ components }) => components),
    pick(key) {
      const part = pickByWeight(streamKey(key, 'family', 0)[0], weights);
      return offsets[part]! + mixtures[part]!.pick(key);
    },
    probes: mixtures.flatMap(({ probes }, i) => probes.map((probe) => offsets[i]! + probe)),
  };
}

/** An index, with probability proportional to its weight, from 32 random bits. */
function pickByWeight(bits: number, weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight);
  let left = (bits / 2 ** 32) * total;
  const index = weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  // rounding may leave a remainder after the last weight
  return index === -1 ? weights.length - 1 : index;
}
