/** How an option is shown to people: under what heading, and with which default. */
import { textOf } from './kinds.js';
import type { OptionRow } from './option.js';
import type { FamilyAdvice } from './resolve.js';
import { type Rows, rowsByName, type TableRow } from './table.js';

/** A problem family, as far as it advises. */
export interface Adviser {
  readonly name: string;
  readonly training: FamilyAdvice;
}

/** An option as `--help` and the documentation show it: all rows of its name as one. */
export interface ShownOption {
  readonly name: string;
  readonly describe: string;
  readonly heading: string;
  readonly rows: Rows;
  /** The default of every run, then that of each family that advises another one. */
  readonly standard: string;
}

/** The options of the table, in its order. @param advisers whose advice is shown */
export function shownOptions(advisers: readonly Adviser[]): ShownOption[] {
  return [...rowsByName()].map(([name, rows]) => ({
    name,
    describe: ofEach(rows, ({ describe }) => describe),
    heading: headingOf(rows),
    rows,
    standard: ofEach(rows, (row) => standardOf(row, advisers)),
  }));
}

/** The text of the only row, or that of each with the type that it is of. */
function ofEach(rows: readonly TableRow[], text: (row: TableRow) => string): string {
  const texts = new Set(rows.map(text));
  return texts.size === 1 ? [...texts][0]! : rows.map((row) => `${row.owner?.type}: ${text(row)}`).join('; ');
}

/** The group, and the type if only one has the option. */
function headingOf([first, ...others]: Rows): string {
  const heading = first.owner && others.length === 0 ? `${first.group} ${first.owner.type}` : first.group;
  return heading.charAt(0).toUpperCase() + heading.slice(1);
}

/** As in "20; 5 for lasso, simple; 10 for quadratic (3 without second derivatives)". */
function standardOf({ advice, kind }: OptionRow, advisers: readonly Adviser[]): string {
  const standard = textOf(kind, kind.default);
  const families = new Map<string, string[]>();
  for (const { name, training } of advisers) {
    const [first, dropped] = [training, training.firstOrder].map((each) => adviceIn(each, advice));
    if (first === undefined && dropped === undefined) continue;
    const [kept, other] = [first, dropped ?? first].map((value) => (value === undefined ? standard : String(value)));
    if (kept === standard && other === standard) continue;
    families.set(kept!, [
      ...(families.get(kept!) ?? []),
      other === kept ? name : `${name} (${other} without second derivatives)`,
    ]);
  }
  return [standard, ...[...families].map(([value, names]) => `${value} for ${names.join(', ')}`)].join('; ');
}

function adviceIn(training: object | undefined, advice: string | undefined): unknown {
  return advice === undefined ? undefined : (training as Readonly<Record<string, unknown>> | undefined)?.[advice];
}
