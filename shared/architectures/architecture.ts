/** What both roles know about a learned optimizer: the configuration of an architecture and what follows from it. */
import type { OptionRow } from '../options/option.js';
import type { Shape } from '../shape.js';
import type { LstmConfig } from './lstm.js';
import type { MlpConfig } from './mlp.js';

/** The configuration of each architecture by its type; a new one adds a line. */
export interface ArchitectureConfigs {
  lstm: LstmConfig;
  mlp: MlpConfig;
}

/** The configuration of a learned optimizer, told apart by `type`. */
export type ArchitectureConfig = ArchitectureConfigs[keyof ArchitectureConfigs];

/** A tensor of φ. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Standard deviation of the normal distribution that its entries start from; 0 for zeros. */
  readonly deviation: number;
}

/** What a learned optimizer reads of its optimizee, besides its own state. */
export type Reading =
  /** ∇_t of every coordinate. */
  | 'gradient'
  /** θ_t of every coordinate. */
  | 'parameters'
  /** The tensors that θ is made of. */
  | 'shapes'
  /** t, and T if somebody knows it. */
  | 'time';

/** A part of the state h. */
export interface StatePart {
  readonly name: string;
  /** How many numbers it has for each of what it is a state of. */
  readonly size: number;
  /**
   * What it is a state of: every coordinate, every row or column of a matrix, every coordinate of what is no matrix, or
   * every tensor. A tensor of two dimensions or more is a matrix whose columns are its last one. @default 'coordinates'
   */
  readonly of?: 'coordinates' | 'rows' | 'columns' | 'vectors' | 'tensors';
}

/** Floating-point operations per coordinate and inner step; a multiply-add counts as two. */
export interface Flops {
  forward: number;
  /** Back-propagation, including the gradients of the weights, without recomputing the forward pass. */
  backward: number;
}

/**
 * An architecture: its configuration and everything that follows from it without computing a step. The update rule
 * itself is in worker/architectures/.
 */
export interface ArchitectureSpec<Config extends { readonly type: string } = ArchitectureConfig> {
  readonly type: Config['type'];
  /** One line for `lopt --help`. */
  readonly summary: string;
  /** The options that configure it, besides its type. */
  readonly options: readonly OptionRow[];
  /** The type of the estimator that it is trained by if a run names none. @default that of every run */
  readonly estimator?: string;
  /** Checks a configuration from outside. */
  readonly shape: Shape<Config>;
  /** The tensors of φ in the order of the flat vector. */
  tensors(config: Config): readonly TensorSpec[];
  reads(config: Config): readonly Reading[];
  /** The parts of the state, in order; all zeros at the start of an episode. */
  state(config: Config): readonly StatePart[];
  flops(config: Config): Flops;
  /** Why the update has no derivative with respect to what it reads, in words; undefined if it has one. */
  indifferentiable(config: Config): string | undefined;
  /** The configuration in words. */
  describe(config: Config): string;
  /** The configuration as the metadata of a φ file. */
  toMetadata(config: Config): Record<string, string>;
  /** The configuration in such metadata. Throws LoptError that says what they must be if they are invalid. */
  fromMetadata(metadata: Readonly<Record<string, string>>): Config;
}
