/** Checks at the edges (flags, files, messages): each error says what was wrong, where, and what would be right. */
import { UsageError } from './errors.js';

/** How a number must be. */
export interface NumberRule {
  readonly integer?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  /** The minimum itself is not allowed. */
  readonly exclusive?: boolean;
}

/** How a number must be, in words; `kind` begins them. */
export function numberText(rule: NumberRule, kind = rule.integer ? 'an integer' : 'a number'): string {
  const { minimum, maximum, exclusive } = rule;
  if (minimum !== undefined && maximum !== undefined && !exclusive) return `${kind} from ${minimum} to ${maximum}`;
  const bounds: string[] = [];
  if (minimum !== undefined) bounds.push(exclusive ? `greater than ${minimum}` : `of at least ${minimum}`);
  if (maximum !== undefined) bounds.push(`${bounds.length > 0 ? 'and ' : ''}of at most ${maximum}`);
  return [kind, ...bounds].join(' ');
}

/** Whether a number is finite and as the rule says. */
export function allowsNumber({ integer, minimum, maximum, exclusive }: NumberRule, number: number): boolean {
  if (!Number.isFinite(number)) return false;
  if (integer && !Number.isSafeInteger(number)) return false;
  if (minimum !== undefined && (exclusive ? number <= minimum : number < minimum)) return false;
  return maximum === undefined || number <= maximum;
}

/** The number, or undefined where the rule does not allow it. */
function parseNumber(value: unknown, rule: NumberRule): number | undefined {
  // Number('') is 0, which nobody means
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && allowsNumber(rule, number) ? number : undefined;
}

/** Reads a number, from a number or its text; `task` is what could not be done, as in "Cannot train". */
export function checkNumber(task: string, name: string, value: unknown, rule: NumberRule = {}): number {
  const number = parseNumber(value, rule);
  if (number !== undefined) return number;
  throw new UsageError(`${task}: "${name}" must be ${numberText(rule)}, got ${show(value)}`);
}

/** Reads a list of numbers, from a list, one number, or text such as "20,20". */
export function checkNumbers(task: string, name: string, value: unknown, rule: NumberRule = {}): number[] {
  const parts = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [value];
  const numbers = parts.map((part) => parseNumber(part, rule));
  if (numbers.every((number) => number !== undefined)) return numbers;
  const items = numberText(rule, rule.integer ? 'integers' : 'numbers');
  throw new UsageError(`${task}: "${name}" must be a list such as 20,20 of ${items}, got ${show(value)}`);
}

/**
 * Reads names with weights greater than 0, from text such as "quadratic=2,rastrigin=1" or a list of such parts; a name
 * alone has weight 1. Returns them sorted by name.
 */
export function checkWeights(task: string, name: string, value: unknown): [name: string, weight: number][] {
  const parts: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [];
  const weights = parts.map((part): [string, number] | undefined => {
    const match = typeof part === 'string' ? /^\s*([^\s=]+)\s*(?:=(.*))?$/.exec(part) : null;
    const weight = match ? parseNumber(match[2] ?? 1, { minimum: 0, exclusive: true }) : undefined;
    return weight === undefined ? undefined : [match![1]!, weight];
  });
  const named = weights.filter((entry) => entry !== undefined);
  if (named.length === 0 || named.length < parts.length) {
    const example = 'names with weights greater than 0, such as quadratic=2,rastrigin=1';
    throw new UsageError(`${task}: "${name}" must be ${example}, got ${show(value)}`);
  }
  if (new Set(named.map(([key]) => key)).size < named.length) {
    throw new UsageError(`${task}: "${name}" must name each one once, got ${show(value)}`);
  }
  return named.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The text of weights, as `checkWeights` reads it. */
export function weightsText(weights: readonly (readonly [name: string, weight: number])[]): string {
  return weights.map(([name, weight]) => `${name}=${weight}`).join(',');
}

/** Reads one of a few words. */
export function checkChoice<Choice extends string>(
  task: string,
  name: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new UsageError(`${task}: "${name}" must be one of ${choices.join(', ')}, got ${show(value)}`);
  }
  return found;
}

/** Reads the path of a file or folder. */
export function checkPath(task: string, name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`${task}: "${name}" must be a path, got ${show(value)}`);
}

/** A value as messages show it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A question that proposes the nearest known name, if one is near enough to explain a typo. */
export function suggestion(name: string, known: readonly string[]): string {
  const ranked = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const nearest = ranked[0];
  if (!nearest || nearest.distance > Math.max(2, nearest.candidate.length / 2)) return '';
  return `; did you mean "${nearest.candidate}"?`;
}

/**
 * The number of insertions, deletions, substitutions and swaps of neighbours from a to b, no part edited twice (the
 * optimal string alignment distance; Damerau 1964).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1, exchanged ? before[j - 2]! + 1 : substituted));
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
