/** The table of options: those of every run, and those of every architecture and estimator that is registered. */
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../architectures/registry.js';
import { LoptError } from '../errors.js';
import { DEFAULT_ESTIMATOR, ESTIMATORS } from '../estimators/registry.js';
import { GENERAL_OPTIONS } from './general.js';
import { OPTION_GROUPS, type OptionGroup, type OptionRow, rowsOf } from './option.js';

/** The types that a run chooses, each of which brings its own options. */
export interface ChosenTypes {
  readonly architecture: string;
  readonly estimator: string;
}

/** The option by which a type is chosen. */
export type Chooser = keyof ChosenTypes;

/** What is chosen by each, with the options that it brings. */
const CHOICES: Readonly<Record<Chooser, ReadonlyMap<string, Brought>>> = {
  architecture: ARCHITECTURES,
  estimator: ESTIMATORS,
};

interface Brought {
  readonly type: string;
  readonly summary: string;
  readonly options: readonly OptionRow[];
}

/** A row, and which type brings it; an option of every run has no owner. */
export interface TableRow extends OptionRow {
  readonly owner?: { readonly chooser: Chooser; readonly type: string };
}

/** What an estimator is, and which architectures have another default. */
function estimatorText(): string {
  const others = [...ARCHITECTURES.values()].flatMap(({ type, estimator }) =>
    estimator ? [` (default with ${type}: ${estimator})`] : [],
  );
  return `how the meta-gradient of a window is made${others.join('')}`;
}

function chooserRow(chooser: Chooser & OptionGroup, describe: string, standard: string): TableRow {
  const specs = [...CHOICES[chooser].values()];
  return {
    name: chooser,
    describe: `${describe}: ${specs.map(({ type, summary }) => `${type}, ${summary}`).join('; ')}`,
    group: chooser,
    kind: { type: 'choice', choices: specs.map(({ type }) => type), default: standard },
    path: `${chooser}.type`,
  };
}

function broughtRows(chooser: Chooser): TableRow[] {
  return [...CHOICES[chooser].values()].flatMap(({ type, options }) =>
    options.map((row) => ({ ...row, owner: { chooser, type } })),
  );
}

/**
 * Every option, by groups. Two architectures may each have an option of one name, and so may two estimators. Throws
 * LoptError if a name stands for two options of one run.
 */
export function optionTable(): TableRow[] {
  const rows: TableRow[] = [
    ...rowsOf(GENERAL_OPTIONS),
    chooserRow('architecture', 'what the learned optimizer is', DEFAULT_ARCHITECTURE),
    ...broughtRows('architecture'),
    chooserRow('estimator', estimatorText(), DEFAULT_ESTIMATOR),
    ...broughtRows('estimator'),
  ];
  rows.forEach((row, index) => {
    if (rows.slice(0, index).some((other) => other.name === row.name && meet(other, row))) {
      throw new LoptError(`Cannot make the table of options: "${row.name}" must stand for one option of a run`);
    }
  });
  return OPTION_GROUPS.flatMap((group) => rows.filter((row) => row.group === group));
}

/** Whether a run can have both. */
function meet({ owner: a }: TableRow, { owner: b }: TableRow): boolean {
  return !a || !b || a.chooser !== b.chooser || a.type === b.type;
}

/** The options of a run whose architecture and estimator are of these types. */
export function rowsFor(types: ChosenTypes): TableRow[] {
  return optionTable().filter(({ owner }) => !owner || types[owner.chooser] === owner.type);
}

/** The rows of one name, or of one advice. */
export type Rows = readonly [TableRow, ...TableRow[]];

function rowsBy(key: (row: TableRow) => string | undefined): ReadonlyMap<string, Rows> {
  const found = new Map<string, [TableRow, ...TableRow[]]>();
  for (const row of optionTable()) {
    const name = key(row);
    const others = name === undefined ? undefined : found.get(name);
    if (others) others.push(row);
    else if (name !== undefined) found.set(name, [row]);
  }
  return found;
}

/** Every option by its name. */
export function rowsByName(): ReadonlyMap<string, Rows> {
  return rowsBy(({ name }) => name);
}

/** The options that a problem family can advise on, by the name of the advice. */
export function rowsByAdvice(): ReadonlyMap<string, Rows> {
  return rowsBy(({ advice }) => advice);
}

/** The names of all options. */
export function optionNames(): string[] {
  return [...rowsByName().keys()];
}
