/**
 * The optimizer of φ, as transformations that compose (the idea of optax): each takes a vector, the first one the
 * meta-gradient, and its own state, and gives a vector and the next state. Everything is float64; vectors are short.
 */

/** One step of a chain. */
export interface Transform<State> {
  init(length: number): State;
  /** `round` counts from 1. Neither argument is written to. */
  update(updates: Float64Array, state: State, round: number): { updates: Float64Array; state: State };
}

/** Scales a vector whose Euclidean norm is above `norm` down to it (Pascanu et al. 2013). */
export function clipByGlobalNorm(norm: number): Transform<null> {
  return {
    init: () => null,
    update(updates) {
      const length = globalNorm(updates);
      return { updates: length <= norm ? updates : scaled(updates, norm / length), state: null };
    },
  };
}

function scaled(vector: Float64Array, factor: number): Float64Array {
  const result = new Float64Array(vector.length);
  for (let i = 0; i < result.length; i++) result[i] = factor * vector[i]!;
  return result;
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
    update(metaGradient, state) {
      const power1 = state.power1 * beta1;
      const power2 = state.power2 * beta2;
      const mean = new Float64Array(metaGradient.length);
      const square = new Float64Array(metaGradient.length);
      const updates = new Float64Array(metaGradient.length);
      const { mean: oldMean, square: oldSquare } = state;
      const correction1 = 1 / (1 - power1);
      const correction2 = 1 / (1 - power2);
      for (let i = 0; i < metaGradient.length; i++) {
        const g = metaGradient[i]!;
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
    update: (updates, _state, round) => ({ updates: scaled(updates, -rate(round)), state: null }),
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
