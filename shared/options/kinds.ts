/** What each kind of option takes: its check of what a person gives, its shape in a configuration, and its text. */
import { allowsNumber, checkChoice, checkNumber, checkNumbers, numberText, show } from '../check.js';
import { UsageError } from '../errors.js';
import { boolean, finite, list, type Shape, shapeError, word } from '../shape.js';
import type {
  ChoiceKind,
  NumberKind,
  NumbersKind,
  OptionKind,
  OptionRow,
  OptionValue,
  RunValues,
  SwitchKind,
} from './option.js';

/** How many numbers a list may have if its option does not say. */
const ANY_LENGTH = { minimum: 0, maximum: 64, of: 'numbers' };

/**
 * Reads an option's value as a person gives it: on a command line, in a file, or as a program's own value.
 *
 * @param task what could not be done, as in "Cannot train"
 * @throws UsageError, one sentence that says what the value must be
 */
export function checkValue(
  task: string,
  { name, kind }: Pick<OptionRow, 'name' | 'kind'>,
  value: unknown,
): OptionValue {
  switch (kind.type) {
    case 'number':
      return checkNumber(task, name, value, kind.rule);
    case 'numbers':
      return checkLength(task, name, kind, checkNumbers(task, name, value, kind.rule));
    case 'choice':
      return checkChoice(task, name, value, kind.choices);
    case 'switch':
      if (kind.words) return checkChoice(task, name, value, kind.words) === kind.words[0];
      if (typeof value === 'boolean') return value;
      throw new UsageError(`${task}: "${name}" must be true or false, got ${show(value)}`);
  }
}

function checkLength(task: string, name: string, { length }: NumbersKind, numbers: number[]): number[] {
  const { minimum, maximum, of } = { ...ANY_LENGTH, ...length };
  if (numbers.length >= minimum && numbers.length <= maximum) return numbers;
  const count = minimum > 0 ? `${minimum} to ${maximum}` : `at most ${maximum}`;
  throw new UsageError(`${task}: "${name}" must list ${count} ${of}, got ${numbers.length}`);
}

/** The shape of an option's value in a configuration. */
export function shapeOf(kind: NumberKind): Shape<number>;
export function shapeOf(kind: NumbersKind): Shape<number[]>;
export function shapeOf<Choice extends string>(kind: ChoiceKind<Choice>): Shape<Choice>;
export function shapeOf(kind: SwitchKind): Shape<boolean>;
export function shapeOf(kind: OptionKind): Shape<OptionValue> {
  switch (kind.type) {
    case 'number':
      return numberShape(kind);
    case 'numbers':
      return numbersShape(kind);
    case 'choice':
      return word(...kind.choices);
    case 'switch':
      return boolean;
  }
}

function numberShape({ rule }: Pick<NumberKind, 'rule'>): Shape<number> {
  return (value, at) => {
    if (allowsNumber(rule, finite(value, at))) return value as number;
    throw shapeError(at, numberText(rule), value);
  };
}

function numbersShape({ rule, length }: NumbersKind): Shape<number[]> {
  const { minimum, maximum, of } = { ...ANY_LENGTH, ...length };
  const numbers = list(numberShape({ rule }), maximum);
  return (value, at) => {
    const checked = numbers(value, at);
    if (checked.length >= minimum) return checked;
    throw shapeError(at, `a list of at least ${minimum} ${of}`, value);
  };
}

/** An option's value as a person writes it. */
export function textOf(kind: OptionKind, value: OptionValue): string {
  if (kind.type === 'switch' && kind.words) return kind.words[value === true ? 0 : 1];
  return Array.isArray(value) ? value.join(',') || 'none' : String(value);
}

/** The first option whose value does not go with those of the others, and why. */
export function misfitAmong<Row extends OptionRow>(
  rows: readonly Row[],
  values: RunValues,
): { row: Row; why: string } | undefined {
  for (const row of rows) {
    const must = row.misfit?.(values);
    if (must !== undefined) return { row, why: `${must}, got ${textOf(row.kind, values.get(row.name)!)}` };
  }
  return undefined;
}
