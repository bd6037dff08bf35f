/** A module that ends the process, or leaves an error to nobody: lopt ends with one sentence and a code other than 0. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../fixtures/folder.js';
import { writeModule } from '../fixtures/modules.js';
import { lopt } from './harness.js';

const THREADS = "import { isMainThread } from 'node:worker_threads';";
const EXITS = 'it must not end the process, but called process.exit(0)';
const LEAVES = 'it must handle its own errors, but left "boom" to nobody';

/** Trains for ever on a module; returns all that it said on the standard error. */
async function trainOn(folder: string, command: readonly string[] = ['train', '--rounds', '100000000']) {
  const { code, stderr, stdout } = await lopt([...command, '--problem-module', 'bad.js'], folder);
  assert.equal(code, 1, stdout);
  return stderr;
}

describe('lopt ends with one sentence', { concurrency: 2 }, () => {
  const cases: [name: string, changes: string, before: string, sentence: string][] = [
    ['a module that ends the process while it loads', '', 'process.exit(0);', EXITS],
    ['with another code', '', 'process.exit(130);', 'it must not end the process, but called process.exit(130)'],
    [
      'while its problems are made ready',
      'configure: async () => { await null; process.exit(); }',
      '',
      'it must not end the process, but called process.exit(0)',
    ],
    ['in the threads that compute', '', `${THREADS} if (!isMainThread) process.exit(0);`, EXITS],
    [
      'in a draw of a thread',
      'configure: async () => ({ ...plain, draw: (...args) => isMainThread ? plain.draw(...args) : process.exit(0) })',
      THREADS,
      EXITS,
    ],
    ['later, in a thread', '', `${THREADS} if (!isMainThread) setTimeout(() => process.exit(0), 100);`, EXITS],
    ['later, beside the threads', '', `${THREADS} if (isMainThread) setTimeout(() => process.exit(0), 900);`, EXITS],
    ['a module with an unhandled rejection', '', "Promise.reject(new Error('boom'));", LEAVES],
    ['of no error', '', "Promise.reject('boom');", LEAVES],
    ['in the threads', '', `${THREADS} if (!isMainThread) Promise.reject(new Error('boom'));`, LEAVES],
    [
      'a module that throws later',
      '',
      `${THREADS} if (isMainThread) setTimeout(() => { throw new Error('boom'); }, 900);`,
      LEAVES,
    ],
    [
      'later, in a thread',
      '',
      `${THREADS} if (!isMainThread) setTimeout(() => { throw new Error('boom'); }, 100);`,
      LEAVES,
    ],
    [
      'a module whose problems never come',
      'configure: () => new Promise(() => {})',
      '',
      'what it promises must come, but lopt waits and nothing is left that could bring it',
    ],
  ];
  for (const [name, changes, before, sentence] of cases) {
    it(`about ${name}`, async (context) => {
      const folder = temporaryFolder(context);
      writeModule(folder, 'bad.js', changes, before);
      assert.equal(await trainOn(folder), `Cannot use problem module bad.js: ${sentence}\n`);
    });
  }

  it('even if it computes nothing, and leaves nothing behind', async (context) => {
    const folder = temporaryFolder(context);
    writeModule(folder, 'bad.js', '', 'process.exit(0);');
    assert.equal(await trainOn(folder, ['problems']), `Cannot use problem module bad.js: ${EXITS}\n`);
    assert.deepEqual(readdirSync(folder), ['bad.js']);
  });
});
