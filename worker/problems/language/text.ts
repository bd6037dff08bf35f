/** The text of a language model: its characters as numbers, split by position. */
import { createHash } from 'node:crypto';
import { FileError } from '../../../shared/errors.js';
import { readFileNamed } from '../../../shared/files.js';
import type { Batch, Split } from '../problem.js';
import { ALICE } from './alice.js';

/** The shares of a text, from its beginning: the rest is the test set. */
const TRAIN = 0.8;
const HELD_OUT = 0.1;

/** The outer part of `train` is its last tenth. */
const OUTER_SHARE = 10;

/** A text as symbols. */
export interface Text {
  /** V: how many symbols there are. */
  readonly vocabulary: number;
  /** The symbols of each part, numbers below V. */
  readonly splits: Readonly<Record<Split, Uint16Array>>;
  /** SHA-256 of the text in UTF-8. */
  readonly hash: string;
}

/**
 * A text file in UTF-8, or by default the beginning of Alice in Wonderland. Symbol 0 is the most frequent character, and
 * so on (ties by code point); if there are more than `most`, the last symbol stands for all the rarer ones. The first 80 %
 * are for training, the next 10 % held out, the last 10 % the test set.
 *
 * @param length characters that every part must have at least
 * @throws FileError, one sentence with the path, if the file cannot be read, is not UTF-8, or is too short
 */
export function loadText(path: string | undefined, most: number, length: number): Text {
  const bytes = path === undefined ? Buffer.from(ALICE) : readFileNamed(path, 'a text');
  const characters = [...decoded(path, bytes)];
  const symbols = numbered(characters, most);
  const [held, test] = [TRAIN, TRAIN + HELD_OUT].map((share) => Math.floor(share * symbols.length)) as [number, number];
  const splits = {
    train: symbols.subarray(0, held),
    'held-out': symbols.subarray(held, test),
    test: symbols.subarray(test),
  };
  const outer = symbolsOf({ splits }, { split: 'train', part: 'outer' });
  const shortest = Math.min(...[...Object.values(splits), outer].map((part) => part.length));
  if (shortest < length) {
    const where = path ?? 'the built-in text';
    throw new FileError(
      where,
      `Cannot read a text from ${where}: every part of it must have at least ${length} characters, one more than the context, got ${shortest}`,
    );
  }
  const distinct = new Set(characters).size;
  return { vocabulary: Math.min(distinct, most), splits, hash: createHash('sha256').update(bytes).digest('hex') };
}

/** The symbols that a batch reads. */
export function symbolsOf(
  { splits }: Pick<Text, 'splits'>,
  { split, part }: Pick<Batch, 'split' | 'part'>,
): Uint16Array {
  const symbols = splits[split];
  if (split !== 'train' || !part) return symbols;
  const boundary = symbols.length - Math.floor(symbols.length / OUTER_SHARE);
  return part === 'inner' ? symbols.subarray(0, boundary) : symbols.subarray(boundary);
}

function decoded(path: string | undefined, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const where = path ?? 'the built-in text';
    throw new FileError(where, `Cannot read a text from ${where}: it must be in UTF-8, and is not`, { cause });
  }
}

function numbered(characters: readonly string[], most: number): Uint16Array {
  const counts = new Map<string, number>();
  for (const character of characters) counts.set(character, (counts.get(character) ?? 0) + 1);
  const ranked = [...counts].sort(([a, often], [b, other]) => other - often || a.codePointAt(0)! - b.codePointAt(0)!);
  const symbolOf = new Map(ranked.map(([character], rank) => [character, Math.min(rank, most - 1)]));
  return Uint16Array.from(characters, (character) => symbolOf.get(character)!);
}
