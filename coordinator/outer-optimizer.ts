/**
 * The optimizer of φ, as transformations that compose (the idea of optax): each takes a vector, the first one the
 * meta-gradient, and its own state, and gives a vector and the next state. Everything is float64; vectors are short.
 */

/** One step of a chain. */
export interface Transform<State> {
  init(length: number): State;
  /**
   * `round` counts from 1. The result is in `updates`: a round that allocates less is collected less often. The state is not
   * written to.
   */
  update(updates: Float64Array, state: State, round: number): { updates: Float64Array; state: State };
}

/** Scales a vector whose Euclidean norm is above `norm` down to it (Pascanu et al. 2013). */
export function clipByGlobalNorm(norm: number): Transform<null> {
  return {
    init: () => null,
    update(updates) {
      const length = globalNorm(updates);
      if (!(length <= norm)) scale(updates, norm / length);
      return { updates, state: null };
    },
  };
}

function scale(vector: Float64Array, factor: number): void {
  for (let i = 0; i < vector.length; i++) vector[i] = factor * vector[i]!;
}

/** The Euclidean norm. */
export function globalNorm(vector: Float64Array | Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! * vector[i]!;
  return Math.sqrt(sum);
}

/** Adam's moments, and β^t of both as running products. */
export interface AdamState {
  mean: Float64Array;
  square: Float64Array;
  power1: number;
  power2: number;
}

/** m̂/(√v̂ + ε) (Kingma and Ba 2015, algorithm 1). */
export function scaleByAdam({
  beta1,
  beta2,
  epsilon,
}: {
  beta1: number;
  beta2: number;
  epsilon: number;
}): Transform<AdamState> {
  return {
    init: (length) => ({ mean: new Float64Array(length), square: new Float64Array(length), power1: 1, power2: 1 }),
    update(updates, state) {
      const power1 = state.power1 * beta1;
      const power2 = state.power2 * beta2;
      const mean = new Float64Array(updates.length);
      const square = new Float64Array(updates.length);
      const { mean: oldMean, square: oldSquare } = state;
      const correction1 = 1 / (1 - power1);
      const correction2 = 1 / (1 - power2);
      for (let i = 0; i < updates.length; i++) {
        const g = updates[i]!;
        const m = beta1 * oldMean[i]! + (1 - beta1) * g;
        const v = beta2 * oldSquare[i]! + (1 - beta2) * g * g;
        mean[i] = m;
        square[i] = v;
        updates[i] = (m * correction1) / (Math.sqrt(v * correction2) + epsilon);
      }
      return { updates, state: { mean, square, power1, power2 } };
    },
  };
}

/** −rate(round)·updates: descent. */
export function scaleByRate(rate: (round: number) => number): Transform<null> {
  return {
    init: () => null,
    update(updates, _state, round) {
      scale(updates, -rate(round));
      return { updates, state: null };
    },
  };
}

/** One transformation after the other, each with its own state (the idea of optax's `chain`). */
export function chain<States extends readonly unknown[]>(
  ...transforms: { readonly [Place in keyof States]: Transform<States[Place]> }
): Transform<States> {
  // a mapped tuple type is an array only once `States` is known
  const all = transforms as readonly Transform<unknown>[];
  return {
    init: (length) => all.map((transform) => transform.init(length)) as unknown as States,
    update(metaGradient, states, round) {
      let updates = metaGradient;
      const next = all.map((transform, place) => {
        const step = transform.update(updates, states[place], round);
        updates = step.updates;
        return step.state;
      });
      return { updates, state: next as unknown as States };
    },
  };
}
