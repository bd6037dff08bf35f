/**
 * `npm run bits -- A B`: whether two commits, or two folders of built checkouts, train to the same bits. Prints the sha256 of
 * every φ of every scenario, by both; exit code 1 if any differs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.js';
import { checkOut, removeCheckouts } from './checkout.js';
import { SCENARIOS } from './scenarios.js';
import { train } from './train.js';
import { rowsOf, verdictsOn } from './verdict.js';

const USAGE = `Usage: npm run bits -- A B [--only NAME,…] [--engine wasm]
A, B      a commit, or the folder of a built checkout
--only    scenarios, of ${SCENARIOS.map(({ name }) => name).join(', ')}
--engine  what computes the windows\n`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, engine: { type: 'string', default: 'wasm' } },
});
const only = values.only?.split(',') ?? SCENARIOS.map(({ name }) => name);
const scenarios = SCENARIOS.filter(({ name }) => only.includes(name));
const [nameOfA, nameOfB, ...others] = positionals;
if (nameOfA === undefined || nameOfB === undefined || others.length > 0 || scenarios.length < only.length) {
  process.stderr.write(USAGE);
  process.exit(2);
}

// Ctrl-C ends the command that runs, and so the comparison, which then tidies up
process.on('SIGINT', () => {});
const folder = mkdtempSync(join(tmpdir(), 'lopt-bits-'));
try {
  const checkouts = join(folder, 'checkouts');
  const [a, b] = [checkOut(nameOfA, checkouts), checkOut(nameOfB, checkouts)];
  process.stdout.write(`A ${a.name}\nB ${b.name}\n`);
  let [files, different] = [0, 0];
  for (const scenario of scenarios) {
    const hashesBy = (side: string, checkout: typeof a) =>
      train(scenario, checkout, join(folder, 'runs', scenario.name, side), values.engine);
    const verdicts = verdictsOn(scenario.name, hashesBy('a', a), hashesBy('b', b));
    process.stdout.write(verdicts.map(rowsOf).join(''));
    files += verdicts.length;
    different += verdicts.filter(({ equal }) => !equal).length;
  }
  process.stdout.write(
    different === 0 ? `All ${files} files are equal.\n` : `${different} of ${files} files differ.\n`,
  );
  process.exitCode = different === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  removeCheckouts(join(folder, 'checkouts'));
  rmSync(folder, { recursive: true, force: true });
}
