import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loptHere } from '../fixtures/command-line.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { writeModule, writeText } from '../fixtures/modules.js';

describe('lopt answers a module that is not as it must be with one sentence', () => {
  const COMMANDS = ['train', 'bench', 'problems'];

  it('a module that is refused: exit code 1, and nothing is left behind', async (context) => {
    const folder = temporaryFolder(context);
    writeModule(folder, 'bad.js', 'summary: 3');
    for (const command of COMMANDS) {
      const { code, stderr } = await loptHere([command, '--problem-module', 'bad.js'], folder);
      const sentence = 'Cannot use problem module bad.js: "summary" must be a one-line string, got 3\n';
      assert.deepEqual([stderr, code], [sentence, 1]);
    }
    assert.deepEqual(readdirSync(folder), ['bad.js']);
  });

  it('problems that are refused', async (context) => {
    const folder = temporaryFolder(context);
    writeModule(folder, 'bad.js', 'configure: () => ({ ...plain, coordinates: -1 })');
    const { code, stderr } = await loptHere(['train', '--problem-module', 'bad.js'], folder);
    const sentence = 'configure() must give a positive integer as "coordinates", got -1';
    assert.deepEqual([stderr, code], [`Cannot use problem module bad.js: ${sentence}\n`, 1]);
    assert.deepEqual(readdirSync(folder), ['bad.js']);
  });

  it('a name that is taken: exit code 2', async (context) => {
    const folder = temporaryFolder(context);
    writeModule(folder, 'mlp.js', '');
    const { code, stderr } = await loptHere(['train', '--problem-module', 'mlp.js'], folder);
    const sentence = 'its "name" must not be taken by another family, got "mlp"';
    assert.deepEqual([stderr, code], [`Cannot use problem module mlp.js: ${sentence}\n`, 2]);
  });

  it('a path that is none: exit code 2', async (context) => {
    const folder = temporaryFolder(context);
    writeText(folder, 'run.yaml', 'problem-module: 3');
    const { code, stderr } = await loptHere(['train', '--config', 'run.yaml'], folder);
    const sentence = 'Cannot read flags from run.yaml: "problem-module" must be the path of a file, got 3\n';
    assert.deepEqual([stderr, code], [sentence, 2]);
  });
});
