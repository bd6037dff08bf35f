/** What both roles know about how the meta-gradient of a window is estimated. */
import type { OptionRow } from '../options/option.js';
import type { Shape } from '../shape.js';
import type { BpttConfig } from './bptt.js';
import type { EsConfig } from './es.js';
import type { NresConfig } from './nres.js';
import type { PesConfig } from './pes.js';

/** The configuration of each estimator by its type; a new one adds a line. */
export interface EstimatorConfigs {
  bptt: BpttConfig;
  es: EsConfig;
  pes: PesConfig;
  nres: NresConfig;
}

/** The configuration of an estimator, told apart by `type`. */
export type EstimatorConfig = EstimatorConfigs[keyof EstimatorConfigs];

/** What an estimator needs of an engine and of an architecture. */
export interface EstimatorNeeds {
  /** Back-propagation through a window. */
  readonly backward: boolean;
  /** Derivatives of the update with respect to what the learned optimizer reads, and of the optimizee's gradients. */
  readonly secondDerivatives: boolean;
  /** How many trajectories of a shard's problems a window advances. */
  readonly trajectories: number;
}

/** An estimator: its configuration and what follows from it. What it computes is in worker/estimators/. */
export interface EstimatorSpec<Config extends { readonly type: string } = EstimatorConfig> {
  readonly type: Config['type'];
  /** One line for `lopt --help`. */
  readonly summary: string;
  /** The options that configure it, besides its type. */
  readonly options: readonly OptionRow[];
  /** Checks a configuration from outside. */
  readonly shape: Shape<Config>;
  needs(config: Config): EstimatorNeeds;
}
