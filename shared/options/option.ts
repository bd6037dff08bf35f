/** One option that configures a run: a row of the table that flags, help, checks, sweeps and documentation come from. */
import type { NumberRule } from '../check.js';

/** The headings of `--help`, in its order. */
export const OPTION_GROUPS = [
  'run',
  'problems',
  'episodes',
  'architecture',
  'estimator',
  'augmentation',
  'curriculum',
  'outer optimizer',
  'evaluation',
  'engine',
] as const;

/** Under which heading an option stands in `--help`. */
export type OptionGroup = (typeof OPTION_GROUPS)[number];

export interface NumberKind {
  readonly type: 'number';
  readonly rule: NumberRule;
  readonly default: number;
}

export interface NumbersKind {
  readonly type: 'numbers';
  /** How each number must be. */
  readonly rule: NumberRule;
  readonly default: readonly number[];
  /** How many numbers there may be, and what they are of. @default at most 64 numbers */
  readonly length?: { readonly minimum?: number; readonly maximum: number; readonly of: string };
}

export interface ChoiceKind<Choice extends string = string> {
  readonly type: 'choice';
  readonly choices: readonly Choice[];
  readonly default: Choice;
}

export interface SwitchKind {
  readonly type: 'switch';
  readonly default: boolean;
  /** The words for on and off, if people choose between two words. */
  readonly words?: readonly [on: string, off: string];
}

/** What values an option has. */
export type OptionKind = NumberKind | NumbersKind | ChoiceKind | SwitchKind;

/** A value of any option. */
export type OptionValue = number | string | boolean | readonly number[];

/** The values of a run's options, by their names. */
export type RunValues = ReadonlyMap<string, OptionValue>;

/** A paper that an option comes from. */
export interface Source {
  readonly label: string;
  readonly url: string;
}

/** An option but for its name. */
export interface OptionDeclaration<Kind extends OptionKind = OptionKind> {
  /** What it sets, in a line. */
  readonly describe: string;
  readonly group: OptionGroup;
  readonly kind: Kind;
  /** Where its value lies in the configuration, as in `outer.learningRate`. */
  readonly path: string;
  /** The name under which a problem family advises its own default. */
  readonly advice?: string;
  /** What a mix of families makes of the numbers that they advise. @default 'least' */
  readonly mixed?: 'least' | 'most' | 'sum';
  /** The option of the largest number, if `A..B` sets this one to A and that one to B. */
  readonly range?: string;
  /** Whether it may change while φ is trained: a fork may have another value than the run that it copies. @default false */
  readonly changeable?: boolean;
  /** Why its value does not go with those of other options, as in "must be …"; undefined if it does. */
  readonly misfit?: (values: RunValues) => string | undefined;
  readonly sources?: readonly Source[];
}

/** An option. */
export interface OptionRow<Kind extends OptionKind = OptionKind> extends OptionDeclaration<Kind> {
  /** The flag, without its dashes. */
  readonly name: string;
}

/** Options by their names. */
export type OptionDeclarations = Readonly<Record<string, OptionDeclaration>>;

/** The same as rows, in their order. */
export function rowsOf(options: OptionDeclarations): OptionRow[] {
  return Object.entries(options).map(([name, option]) => ({ name, ...option }));
}

/** The number that an option has among the values. Throws TypeError if it has none. */
export function numberAt(values: RunValues, name: string): number {
  const value = values.get(name);
  if (typeof value === 'number') return value;
  throw new TypeError(`Option "${name}" must have a number, got ${String(value)}`);
}

/** The numbers that an option has among the values. Throws TypeError if it has none. */
export function numbersAt(values: RunValues, name: string): readonly number[] {
  const value = values.get(name);
  if (typeof value === 'object') return value;
  throw new TypeError(`Option "${name}" must have a list of numbers, got ${String(value)}`);
}
