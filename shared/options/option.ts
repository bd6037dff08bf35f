/** One option that configures a run: a row of the table that flags, help, checks, digest and sweeps come from. */
import type { NumberRule } from '../check.js';

/** Under which heading an option stands in `--help`. */
export type OptionGroup =
  | 'run'
  | 'problems'
  | 'episodes'
  | 'architecture'
  | 'estimator'
  | 'augmentation'
  | 'curriculum'
  | 'outer optimizer'
  | 'evaluation'
  | 'engine';

/** What values an option has. */
export type OptionKind =
  | { readonly type: 'number'; readonly rule: NumberRule; readonly default: number }
  | { readonly type: 'numbers'; readonly rule: NumberRule; readonly default: readonly number[] }
  | { readonly type: 'choice'; readonly choices: readonly string[]; readonly default: string }
  | { readonly type: 'switch'; readonly default: boolean };

/** An option. */
export interface OptionRow {
  /** The flag, without its dashes. */
  readonly name: string;
  /** What it sets, in a line. */
  readonly describe: string;
  readonly group: OptionGroup;
  readonly kind: OptionKind;
  /** Where its value lies in the configuration, as in `outer.learningRate`. */
  readonly path: string;
  /** The name under which a problem family advises its own default. */
  readonly advice?: string;
}
