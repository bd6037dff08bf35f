/** Checks the aliases of a YAML file: the parser takes them all, and fails, or never ends, when their values are asked for. */
import { type Document, isAlias, type Node, visit } from 'yaml';

/** A fault of a document, with the offset in its text. */
export interface AliasFault {
  at: number;
  why: string;
}

/** The most values that a document may have once every alias is replaced by what it stands for. */
const MOST_VALUES = 100_000;

/**
 * What is wrong with a document's aliases; undefined if each stands for an earlier value that it is no part of, and all
 * together for no more than a file can reasonably say.
 */
export function aliasFault(document: Document): AliasFault | undefined {
  let fault: AliasFault | undefined;
  let values = 0;
  /** Values with all that they hold, aliases replaced, by node. */
  const sizes = new Map<Node, number>();
  const sizeOf = (node: Node): number => {
    const known = sizes.get(node);
    if (known !== undefined) return known;
    let size = 0;
    visit(node, {
      Node(_key, inner) {
        if (!isAlias(inner)) {
          size += 1;
          return;
        }
        const target = inner.resolve(document);
        if (target) size += sizeOf(target);
      },
    });
    sizes.set(node, size);
    return size;
  };
  visit(document, {
    Alias(_key, alias, path) {
      const at = alias.range?.[0] ?? 0;
      const target = alias.resolve(document);
      if (!target) fault = { at, why: `the alias *${alias.source} must follow its anchor &${alias.source}` };
      else if (path.includes(target))
        fault = { at, why: `the alias *${alias.source} must stand for a value that it is no part of` };
      else {
        values += sizeOf(target);
        if (values > MOST_VALUES) {
          const found = `*${alias.source} goes beyond`;
          fault = { at, why: `its aliases must stand for at most ${MOST_VALUES} values together, and ${found}` };
        }
      }
      return fault && visit.BREAK;
    },
  });
  return fault;
}
