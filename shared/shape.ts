/** Checks of values from outside: small checks that compose, and return what they have checked. */
import { LoptError } from './errors.js';
import { allFinite } from './finite.js';
import { isPlainText, plainText } from './plain-text.js';

/** A value that is not what it should be. */
export class ShapeError extends LoptError {
  override readonly name = 'ShapeError';
}

/** Returns the value if it has the shape; otherwise throws ShapeError that names the place. */
export type Shape<Value> = (value: unknown, at: string) => Value;

/** A value in a few words: it may be large, and comes from a stranger. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') {
    return plainText(JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value));
  }
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  return 'an object';
}

/** The error that says where, what was required, and what was found. */
export function shapeError(at: string, must: string, value: unknown): ShapeError {
  return new ShapeError(`"${at}" must be ${must}, got ${kindOf(value)}`);
}

/** An integer from `minimum` to `maximum`. */
export function integer(minimum = 0, maximum = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, at) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
    const bounds = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
    throw shapeError(at, `an integer ${bounds}`, value);
  };
}

/** A finite number. */
export const finite: Shape<number> = (value, at) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw shapeError(at, 'a finite number', value);
};

export const boolean: Shape<boolean> = (value, at) => {
  if (typeof value === 'boolean') return value;
  throw shapeError(at, 'true or false', value);
};

/** Text of at most `longest` characters that matches the pattern. */
export function text(longest: number, pattern?: RegExp): Shape<string> {
  return (value, at) => {
    if (typeof value === 'string' && value.length <= longest && (pattern?.test(value) ?? true)) return value;
    const like = pattern ? ` like ${pattern.source}` : '';
    throw shapeError(at, `text of at most ${longest} characters${like}`, value);
  };
}

/** Text of at most `longest` characters that is safe to show: without control characters and marks of direction. */
export function plain(longest: number): Shape<string> {
  return (value, at) => {
    if (typeof value === 'string' && value.length <= longest && isPlainText(value)) return value;
    throw shapeError(at, `text of at most ${longest} characters, none of them a control character`, value);
  };
}

/** A sentence for people of at most `longest` characters, made safe to show by `plainText`. */
export function sentence(longest: number): Shape<string> {
  const whole = text(longest);
  return (value, at) => plainText(whole(value, at));
}

/** One of a few words. */
export function word<Word extends string>(...words: readonly Word[]): Shape<Word> {
  return (value, at) => {
    const found = words.find((each) => each === value);
    if (found !== undefined) return found;
    throw shapeError(at, `one of ${words.join(', ')}`, value);
  };
}

/** null, or the shape. */
export function nullable<Value>(shape: Shape<Value>): Shape<Value | null> {
  return (value, at) => (value === null ? null : shape(value, at));
}

/** The first of the shapes that fits. */
export function either<Value>(must: string, ...shapes: readonly Shape<Value>[]): Shape<Value> {
  return (value, at) => {
    for (const shape of shapes) {
      try {
        return shape(value, at);
      } catch (error) {
        if (!(error instanceof ShapeError)) throw error;
      }
    }
    throw shapeError(at, must, value);
  };
}

/** A list of at most `longest` items of one shape. */
export function list<Item>(item: Shape<Item>, longest: number): Shape<Item[]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > longest) throw shapeError(at, `a list of at most ${longest}`, value);
    return value.map((each, index) => item(each, `${at}[${index}]`));
  };
}

/** A map from names to values of one shape; the names are safe to show, as with `plain`. */
export function record<Value>(item: Shape<Value>, longest: number): Shape<Record<string, Value>> {
  return (value, at) => {
    const entries = isPlain(value) ? Object.entries(value) : undefined;
    if (!entries || entries.length > longest) throw shapeError(at, `a map of at most ${longest} names`, value);
    return Object.fromEntries(
      entries.map(([key, each]) => {
        if (!isPlainText(key)) throw shapeError(at, 'a map whose names hold no control characters', key);
        return [key, item(each, `${at}.${key.slice(0, 60)}`)];
      }),
    );
  };
}

/** An object with these fields; others are dropped. */
export function object<Value extends object>(
  fields: { [Key in keyof Value]-?: Shape<Value[Key]> },
  optional: readonly (keyof Value)[] = [],
): Shape<Value> {
  const shapes = Object.entries(fields) as [keyof Value & string, Shape<unknown>][];
  return (value, at) => {
    if (!isPlain(value)) throw shapeError(at, 'an object', value);
    const result: Partial<Record<keyof Value, unknown>> = {};
    for (const [key, shape] of shapes) {
      if (Object.hasOwn(value, key)) result[key] = shape(value[key], `${at}.${key}`);
      else if (!optional.includes(key)) throw shapeError(`${at}.${key}`, 'given', undefined);
    }
    return result as Value;
  };
}

/** One of several objects, told apart by `type`. */
export function tagged<Value extends { type: string }>(
  shapes: {
    [Type in Value['type']]: Shape<Extract<Value, { type: Type }>>;
  },
): Shape<Value> {
  const types = Object.keys(shapes);
  return (value, at) => {
    const type = isPlain(value) && Object.hasOwn(value, 'type') ? value['type'] : undefined;
    if (typeof type !== 'string' || !types.includes(type)) {
      throw shapeError(`${at}.type`, `one of ${types.join(', ')}`, type);
    }
    return (shapes as Record<string, Shape<Value>>)[type]!(value, at);
  };
}

/** A constant, such as the tag of `tagged`. */
export function exactly<Value extends string>(expected: Value): Shape<Value> {
  return (value, at) => {
    if (value === expected) return expected;
    throw shapeError(at, JSON.stringify(expected), value);
  };
}

/** Which lengths a vector may have. */
export interface VectorRule {
  shortest: number;
  longest: number;
}

function lengthOf({ shortest, longest }: VectorRule): string {
  return shortest === longest ? `of ${longest}` : `of ${shortest} to ${longest}`;
}

/** float32 values, all of them finite. */
export function finiteFloats(rule: VectorRule): Shape<Float32Array> {
  return (value, at) => {
    if (!(value instanceof Float32Array) || value.length < rule.shortest || value.length > rule.longest) {
      throw shapeError(at, `a Float32Array ${lengthOf(rule)}`, value);
    }
    if (allFinite(value)) return value;
    const bad = value.findIndex((entry) => !Number.isFinite(entry));
    throw shapeError(`${at}[${bad}]`, 'a finite number', value[bad]);
  };
}

/** float64 values, NaN included. */
export function doubles(rule: VectorRule): Shape<Float64Array> {
  return (value, at) => {
    if (value instanceof Float64Array && value.length >= rule.shortest && value.length <= rule.longest) return value;
    throw shapeError(at, `a Float64Array ${lengthOf(rule)}`, value);
  };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
