/** A YAML file that reports errors with line and column. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, Scalar } from 'yaml';
import { checkNumber, type NumberRule, show, suggestion } from '../../../shared/check.js';
import { FileError, FlagFileError } from '../../../shared/errors.js';
import { aliasFault } from '../../../shared/yaml-aliases.js';

/** A key with its value, both with their positions. */
export interface Entry {
  key: Node;
  name: string;
  value: Node;
}

/** The entries of a map by key. */
export type Entries = ReadonlyMap<string, Entry>;

/** Stands in for the value of a key that has none. */
function missing(key: Node): Node {
  const nothing = new Scalar(null);
  nothing.range = key.range ?? null;
  return nothing;
}

export class LocatedYaml {
  readonly path: string;
  readonly root: Node | null;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  /** Throws FileError if the text is not YAML, has more than one document, or aliases that cannot be meant. */
  constructor(path: string, text: string) {
    this.path = path;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [error] = this.#document.errors;
    if (error) {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      throw this.#error(line, col, `it must be YAML: ${error.message}`);
    }
    const fault = aliasFault(this.#document);
    if (fault) {
      const { line, col } = this.#lines.linePos(fault.at);
      throw new FlagFileError(path, this.#error(line, col, fault.why).message);
    }
    this.root = this.#document.contents as Node | null;
  }

  /** The content as a plain value. */
  get content(): unknown {
    return this.#document.toJS({ maxAliasCount: -1 });
  }

  fail(node: Node, why: string): never {
    const { line, col } = this.#lines.linePos(node.range?.[0] ?? 0);
    throw this.#error(line, col, why);
  }

  #error(line: number, column: number, why: string): FileError {
    return new FileError(this.path, `Cannot read a sweep from ${this.path}, line ${line}, column ${column}: ${why}`);
  }

  /** The node, or the node that it is an alias of. */
  resolve(node: Node): Node {
    // each was found to have one
    return isAlias(node) ? node.resolve(this.#document)! : node;
  }

  /** The entries of a map. @param known the allowed keys; any if omitted */
  entries(node: Node, what: string, known?: readonly string[]): Entries {
    const map = this.resolve(node);
    if (!isMap(map)) return this.fail(node, `${what} must be keys and values, got ${show(this.plain(node))}`);
    const entries = new Map<string, Entry>();
    for (const { key, value } of map.items as Pair<Node, Node | null>[]) {
      const name = isScalar(key) ? String(key.value) : this.fail(key, 'a key must be a word');
      if (known && !known.includes(name)) {
        this.fail(
          key,
          `there is no key "${name}" in ${what}${suggestion(name, known) || `; there are ${known.join(', ')}`}`,
        );
      }
      entries.set(name, { key, name, value: value ?? missing(key) });
    }
    return entries;
  }

  /** The items of a list. */
  items(node: Node, what: string): readonly Node[] {
    const list = this.resolve(node);
    if (!isSeq(list)) return this.fail(node, `${what} must be a list, got ${show(this.plain(node))}`);
    return list.items as Node[];
  }

  /** A word or text. */
  text({ name, value }: Entry): string {
    const plain = this.plain(value);
    return typeof plain === 'string' && plain !== ''
      ? plain
      : this.fail(value, `"${name}" must be text, got ${show(plain)}`);
  }

  /** One of a few words. */
  choice<Choice extends string>({ name, value }: Entry, choices: readonly Choice[]): Choice {
    const plain = this.plain(value);
    const found = choices.find((choice) => choice === plain);
    if (found !== undefined) return found;
    const hint = typeof plain === 'string' ? suggestion(plain, choices) : '';
    return this.fail(value, `"${name}" must be one of ${choices.join(', ')}, got ${show(plain)}${hint}`);
  }

  /** A number; text that looks like one is refused. */
  number({ name, value }: Entry, rule: NumberRule = {}): number {
    const plain = this.plain(value);
    try {
      return checkNumber('', name, typeof plain === 'number' ? plain : null, rule);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return this.fail(value, error.message.replace(/^: /, '').replace(/, got null$/, `, got ${show(plain)}`));
    }
  }

  flag({ name, value }: Entry): boolean {
    const plain = this.plain(value);
    return typeof plain === 'boolean' ? plain : this.fail(value, `"${name}" must be true or false, got ${show(plain)}`);
  }

  /** Whether a number is written as an integer: 2, but not 2.0 or 2e3. */
  isWrittenWhole(node: Node): boolean {
    const scalar = this.resolve(node);
    return isScalar(scalar) && /^[+-]?\d+$/.test(scalar.source ?? '');
  }

  plain(node: Node): unknown {
    return node.toJS(this.#document, { maxAliasCount: -1 }) as unknown;
  }
}
