/**
 * `lopt/problem`: everything that a problem module needs. Its default export is a `ProblemFamily`;
 * `--problem-module FILE` trains on it. Numbers are drawn from keys, and exp, log and the like are those below, so that
 * a family has the same bits in every thread and every version of Node.
 */
// biome-ignore-all lint/performance/noBarrelFile: this is the package's public surface, not a short cut within it
export { cosTurns, exp, log, sigmoid, sinTurns, tanh } from '../../shared/elementary.js';
export { fillIntegers, fillNormal, fillUniform, foldIn, type Key } from '../../shared/random.js';
export { dataTensor } from './data-tensor.js';
export type {
  Batch,
  Draw,
  Gradient,
  HessianProduct,
  OptionSpec,
  OptionValues,
  ParameterTensor,
  ProblemFamily,
  Problems,
  Split,
  Tf,
  TrainingDefaults,
} from './problem.js';
export { streamKey } from './streams.js';
