/**
 * A complete problem module: linear regression with heavy-tailed noise.
 *
 *     npx lopt train --problem-module worker/problems/examples/student-t-regression.ts --seconds 60 --compare
 *
 * Every problem draws a design X [n × d], coefficients θ* and observations y = Xθ* + noise. The noise has Student's
 * t-distribution with ν degrees of freedom, so there are outliers. With r = Xθ − y,
 *
 *     f(θ) = 1/n Σ_i (ν + 1)/2 · ln(1 + r_i²/ν),    ∇f(θ) = 1/n Σ_i (ν + 1)·r_i/(ν + r_i²) · x_i,
 *
 * the negative log-likelihood, which is not convex (Lange, Little and Taylor 1989).
 */
import { dataTensor, fillNormal, foldIn, log, type ProblemFamily, streamKey } from 'lopt/problem';

const family: ProblemFamily = {
  name: 'student-t',
  summary: 'linear regression with heavy-tailed noise: the likelihood of Student’s t-distribution',
  // lopt checks options such as --problem.dimension 5, and fills in the defaults
  options: {
    dimension: { type: 'integer', default: 10, minimum: 1, describe: 'coefficients, the coordinates of θ' },
    observations: { type: 'integer', default: 20, minimum: 1, describe: 'observations of a problem' },
    freedom: {
      type: 'integer',
      default: 2,
      minimum: 1,
      describe: 'degrees of freedom ν; the fewer, the heavier the tails',
    },
  },
  // defaults of `lopt train` for this family
  training: { problems: 64, shards: 2, unroll: 5, evaluateEvery: 500, evaluateFunctions: 1024 },

  async configure(options) {
    const d = options['dimension'] as number;
    const n = options['observations'] as number;
    const nu = options['freedom'] as number;
    const width = n * (d + 1);

    return {
      coordinates: d,

      // Optional: the tensors that θ is made of, in order. Without it, θ is one vector.
      parameters: [{ name: 'coefficients', shape: [d] }],

      // Problem p is a function of (key, p) alone: draw every random array from its own key, never from Math.random().
      draw(key, count) {
        const theta = new Float32Array(count * d); // θ_0 = 0
        const data = new Float32Array(count * width); // for each problem X, row by row, then y
        const truth = new Float32Array(d);
        const noise = new Float32Array(n * (nu + 1));
        for (let p = 0; p < count; p++) {
          const x = data.subarray(p * width, p * width + n * d);
          const y = data.subarray(p * width + n * d, (p + 1) * width);
          const own = streamKey(key, 'data', p);
          fillNormal(foldIn(own, 0), x);
          fillNormal(foldIn(own, 1), truth);
          fillNormal(foldIn(own, 2), noise);
          for (let i = 0; i < n; i++) {
            // t = z/√(χ²/ν), where χ² is the sum of ν squared normals
            const [z, ...normals] = noise.subarray(i * (nu + 1), (i + 1) * (nu + 1));
            const chiSquare = normals.reduce((sum, normal) => sum + normal * normal, 0);
            y[i] = z! / Math.sqrt(chiSquare / nu);
            for (let j = 0; j < d; j++) y[i]! += x[i * d + j]! * truth[j]!;
          }
        }
        return { theta, data };
      },

      // The loss on tensors, [P]: it defines the problem. Without a closed form, lopt differentiates it.
      loss(tf, theta, batch) {
        const { count } = batch;
        const rows = dataTensor(tf, batch); // [P, numbers per problem]
        const x = tf.reshape(tf.slice(rows, [0, 0], [count, n * d]), [count, n, d]);
        const y = tf.slice(rows, [0, n * d], [count, n]);
        const r = tf.sub(tf.reshape(tf.matMul(x, tf.reshape(theta, [count, d, 1])), [count, n]), y);
        return tf.mul(tf.mean(tf.log1p(tf.div(tf.square(r), nu)), 1), (nu + 1) / 2);
      },

      // Optional: the loss reads neither step nor key, and the data only through dataTensor(). A GPU then records its
      // operations once, and replays them at every step.
      stationary: true,

      // Optional: f and ∇f on typed arrays, for the speed of the wasm engine. lopt checks them against the loss above.
      createGradient() {
        return (theta, { count, data }, _step, gradient, losses) => {
          gradient.fill(0);
          for (let p = 0; p < count; p++) {
            const x = p * width;
            let total = 0;
            for (let i = 0; i < n; i++) {
              let r = -data[x + n * d + i]!;
              for (let j = 0; j < d; j++) r += data[x + i * d + j]! * theta[p * d + j]!;
              const slope = ((nu + 1) * r) / ((nu + r * r) * n);
              for (let j = 0; j < d; j++) gradient[p * d + j]! += slope * data[x + i * d + j]!;
              total += log(1 + (r * r) / nu); // Math.log may give other bits in another version of Node
            }
            losses[p] = ((nu + 1) * total) / (2 * n);
          }
        };
      },
    };
  },
};

export default family;
