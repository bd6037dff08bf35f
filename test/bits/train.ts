/** Trains a scenario with a checkout, and hashes what came of it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Checkout } from './checkout.js';
import { OUT, type Scenario } from './scenarios.js';

const LAST = 'last.safetensors';
const COMPARED = [LAST, 'phi.safetensors'];

/** The sha256 of every φ that a scenario wrote, by its path within the folder of the run. */
export type Hashes = ReadonlyMap<string, string>;

/**
 * Gives the commands of a scenario in a new folder. Throws an Error when one fails, or the run did not do what it is here
 * for. @param engine computes the windows, so that a checkout's own choice does not change the arithmetic
 */
export function train(
  { commands, runs, files = {}, check }: Scenario,
  { cli, name }: Checkout,
  folder: string,
  engine: string,
): Hashes {
  mkdirSync(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  for (const words of commands) {
    const args = [cli, ...words, ...(words[0] === 'sweep' ? [] : ['--engine', engine])];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`Cannot compare ${name}: lopt ${words.join(' ')} failed\n${stdout}${stderr}`);
  }
  const out = join(folder, OUT);
  check?.(out);
  const hashes = hashesIn(out);
  const lasts = [...hashes.keys()].filter((path) => basename(path) === LAST).length;
  if (lasts >= runs) return hashes;
  throw new Error(`Cannot compare ${name}: lopt must leave ${LAST} ${runs} times in ${out}, and there are ${lasts}`);
}

/** Of a run there are two files, of a sweep two for every trial and every fork. */
export function hashesIn(out: string): Hashes {
  const paths = readdirSync(out, { recursive: true, encoding: 'utf8' });
  const compared = paths.filter((path) => COMPARED.includes(basename(path))).sort();
  return new Map(compared.map((path) => [path, sha256(readFileSync(join(out, path)))]));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
