/**
 * Options of several values, of which every episode draws one: `relu|tanh`, or lists of widths such as `16|32|32,32`.
 * A range such as `16..64` is short for a grid, so that the number of different problems is finite: 16|23|32|45|64.
 */
import { numberText, show } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import { checkSingle } from './check-option.js';
import type { DrawnOptionSpec, OptionSpec, OptionValues } from './problem.js';

type Value = OptionValues[string];

/** The most alternatives of one option. */
const MOST_ALTERNATIVES = 256;

/** Whether a value of an option is several values, as text. */
export function isSeveral(spec: OptionSpec | undefined, value: unknown): value is string {
  if (!spec || !('alternatives' in spec) || !spec.alternatives || typeof value !== 'string') return false;
  return value.includes('|') || (spec.type !== 'choice' && value.includes('..'));
}

/** Several values as text without blanks. Throws UsageError that begins with the task if one of them is wrong. */
export function checkAlternatives(task: string, name: string, spec: OptionSpec, value: string): string {
  alternativesOf(task, name, spec, value);
  return value.replaceAll(/\s/g, '');
}

/**
 * The values of an option, in the order that they are given in; one if it is not several. Throws UsageError that begins
 * with the task.
 */
export function alternativesOf(task: string, name: string, spec: OptionSpec, value: Value): readonly Value[] {
  if (!isSeveral(spec, value)) return [value];
  const must = (requirement: string, found: string) =>
    new UsageError(`${task}: "${name}" must be ${requirement}, got ${found}`);
  const all = value.split('|').flatMap((part) => {
    const found = expanded(task, name, spec as DrawnOptionSpec, part.trim());
    if (!found) throw must(`a range such as 16..64 of ${rangeText(spec as DrawnOptionSpec)}`, show(part));
    return found;
  });
  if (all.length > MOST_ALTERNATIVES) throw must(`at most ${MOST_ALTERNATIVES} alternatives`, String(all.length));
  const repeated = all.find((one, index) => all.slice(0, index).some((other) => String(other) === String(one)));
  if (repeated !== undefined) throw must('alternatives that are all different', `${String(repeated)} twice`);
  return all;
}

/** The values that one alternative stands for; undefined if it has a range that is none. */
function expanded(task: string, name: string, spec: DrawnOptionSpec, text: string): readonly Value[] | undefined {
  if (spec.type === 'choice' || !text.includes('..')) return [checkSingle(task, name, spec, text)];
  const axes = (spec.type === 'integers' ? text.split(',') : [text]).map((item) =>
    item.includes('..')
      ? gridOf(item, spec.minimum)
      : [checkSingle(task, name, { ...spec, type: 'integer', default: 0 }, item) as number],
  );
  if (!axes.every((axis) => axis !== undefined)) return undefined;
  const size = axes.reduce((product, axis) => product * axis.length, 1);
  if (size > MOST_ALTERNATIVES) {
    throw new UsageError(
      `${task}: "${name}" must be at most ${MOST_ALTERNATIVES} alternatives, got ${size} in ${show(text)}`,
    );
  }
  if (spec.type === 'integer') return axes[0];
  return axes.reduce<number[][]>((lists, axis) => lists.flatMap((list) => axis.map((width) => [...list, width])), [[]]);
}

/** The whole numbers nearest to a·√2^k from a on, and b at the end: even steps of the logarithm. */
function gridOf(text: string, minimum = 1): number[] | undefined {
  const match = /^\s*(\d+)\s*\.\.\s*(\d+)\s*$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (!(from >= Math.max(1, minimum) && from < to && Number.isSafeInteger(to))) return undefined;
  const grid = new Set<number>();
  for (let power = from; power < to; power *= 2) {
    grid.add(power);
    grid.add(Math.round(power * Math.SQRT2));
  }
  return [...[...grid].filter((number) => number < to), to];
}

function rangeText(spec: DrawnOptionSpec): string {
  const minimum = spec.type === 'choice' ? 1 : Math.max(1, spec.minimum ?? 1);
  return `${numberText({ integer: true, minimum }, 'integers')}, the smaller one first`;
}
