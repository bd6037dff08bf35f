/** The configuration of a run: everything that its numbers depend on. */
import { createHash } from 'node:crypto';
import type { ArchitectureConfig } from './architectures/architecture.js';
import { canonicalJson } from './canonical-json.js';
import type { EstimatorConfig } from './estimators/estimator.js';
import { initialPhi } from './phi.js';
import { deriveKey } from './random.js';
import type { AugmentationConfig, CurriculumConfig } from './training.js';

/** lopt's version: part of every configuration. */
export const VERSION = '0.1.0';

/** The values of a problem family's options. */
export type ProblemOptions = Readonly<Record<string, number | string | readonly number[]>>;

/** The outer optimizer: clip by global norm, Adam, schedule. */
export interface OuterConfig {
  /** Peak learning rate of Adam. */
  learningRate: number;
  /** Learning rate at the end, over the peak. */
  finalRate: number;
  /** Share of the planned rounds before the learning rate begins to fall. */
  flat: number;
  /** Largest global norm of the averaged meta-gradient. */
  clip: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/**
 * The state that a run starts from if it continues another run's φ and outer optimizer with other options (the exploit
 * step of population-based training). Part of the digest, which names the state by its content: the bits of such a run
 * follow from its configuration and that state. That state follows in turn from the configuration named here (and its
 * fork point, if any) and its planned rounds.
 */
export interface ForkPoint {
  /** The configuration digest of the run that the state comes from. */
  digest: string;
  /** n: the state after round n. The first round of the run is n + 1, which begins an episode. */
  round: number;
  /** sha256 of the state (coordinator/fork.ts). */
  state: string;
}

/** Everything numeric about a run except its length: the planned rounds are a decision record. */
export interface RunConfig {
  version: string;
  problem: string;
  problemOptions: ProblemOptions;
  /**
   * Where the problems' data lie on this machine, by option: absolute paths. Outside the digest: no number depends on
   * them, since `dataHashes` says what lies there.
   */
  folders: Readonly<Record<string, string>>;
  /** What the learned optimizer is. */
  architecture: ArchitectureConfig;
  /** How its meta-gradient is estimated. */
  estimator: EstimatorConfig;
  augmentation: AugmentationConfig;
  curriculum: CurriculumConfig;
  /** Non-negative integer. */
  seed: number;
  /** Which member of a population; 0 for a single run. */
  member: number;
  /** S. */
  shards: number;
  /** P, problems of a shard. */
  problems: number;
  /** T. */
  horizon: number;
  /** Largest T: every episode draws its own, log-uniformly from `horizon` to this; 0 if all have `horizon`. */
  longestHorizon: number;
  /** Share of the episodes in which φ is not told T, from 0 to 1. */
  unknownHorizon: number;
  /** K. */
  unroll: number;
  /** Largest K: every episode draws its own, log-uniformly from `unroll` to this; 0 if all have `unroll`. */
  longestUnroll: number;
  /** Whether shards begin their episodes at different rounds. */
  stagger: boolean;
  outer: OuterConfig;
  /** Rounds between two held-out evaluations. */
  evaluateEvery: number;
  /** Functions of a held-out evaluation. */
  evaluateFunctions: number;
  engine: string;
  /** No fused multiply-add. */
  strict: boolean;
  /** sha256 of the φ that the run starts from; null for a random one. */
  initialPhi: string | null;
  /** Another run's state, if the run starts from one. */
  start?: ForkPoint;
  /** Hashes of the data files behind the problems. */
  dataHashes: Readonly<Record<string, string>>;
}

/**
 * The configuration digest, 64 hexadecimal digits: only results with the same digest may be summed. The native engine and
 * the wasm engine compute the same bits, and so in the same run.
 */
export function digestOf(config: RunConfig): string {
  const { folders: _places, engine, ...numeric } = config;
  const arithmetic = engine === 'native' ? 'wasm' : engine;
  return createHash('sha256')
    .update(canonicalJson({ ...numeric, engine: arithmetic }))
    .digest('hex');
}

/** Which data file found here differs from the configuration's, as the end of a sentence; undefined if none does. */
export function dataDifference(
  { dataHashes, folders }: Pick<RunConfig, 'dataHashes' | 'folders'>,
  found: RunConfig['dataHashes'],
): string | undefined {
  const names = Object.keys({ ...dataHashes, ...found });
  const name = names.find((candidate) => dataHashes[candidate] !== found[candidate]);
  if (name === undefined) return undefined;
  const file = [name, ...Object.values(folders)].join(' in ');
  const hashOf = (hashes: RunConfig['dataHashes']) => hashes[name] ?? 'none';
  return `the file ${file} must be that of the run, with SHA-256 ${hashOf(dataHashes)}, got ${hashOf(found)}`;
}

/** The random φ_0 of a configuration. */
export function initialPhiOf({ architecture, seed, member }: RunConfig): Float64Array {
  return initialPhi(architecture, deriveKey({ seed, member, shard: 0, episode: 0, purpose: 'initialPhi' }));
}
