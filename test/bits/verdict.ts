/** Holds the hashes of two checkouts against each other. */
import type { Hashes } from './train.js';

/** Stands for the hash of a file that one of the two did not write. */
const ABSENT = 'absent';

/** A file of a scenario, by both checkouts. */
export interface Verdict {
  scenario: string;
  file: string;
  hashes: readonly [a: string, b: string];
  equal: boolean;
}

/** A verdict on every file that either of the two wrote. */
export function verdictsOn(scenario: string, a: Hashes, b: Hashes): Verdict[] {
  const files = [...new Set([...a.keys(), ...b.keys()])].sort();
  return files.map((file) => {
    const hashes = [a.get(file) ?? ABSENT, b.get(file) ?? ABSENT] as const;
    return { scenario, file, hashes, equal: hashes[0] === hashes[1] };
  });
}

/** The rows of the table: one for a file that is equal, with the hash that both have, or two for one that differs. */
export function rowsOf({ scenario, file, hashes: [a, b], equal }: Verdict): string {
  const row = (verdict: string, hash: string) =>
    `${scenario.padEnd(13)}${file.padEnd(32)}${verdict.padEnd(11)}${hash}\n`;
  return equal ? row('equal', a) : row('differs: A', a) + row('         B', b);
}
