import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findNatsServer } from '../../deploy/cluster/nats-server.js';
import { install } from '../fixtures/application.js';
import { blocksOf, type Document, documents, fileNameOf } from '../fixtures/documents.js';

/** Documents with examples, and what these leave in the folder that they are run in. */
const LEFT: Readonly<Record<string, readonly string[]>> = {
  'README.md': ['runs/a/report.html', 'runs/a/phi.py', 'runs/a/phi.npz', 'curves.svg', 'figures.json'],
  'coordinator/population/README.md': ['runs/small/report.html', 'runs/small/trials.log'],
  'deploy/README.md': ['runs/up/last.safetensors'],
  'worker/learned/README.md': ['phi.py', 'phi.npz'],
  'worker/problems/README.md': ['runs'],
};

/** Blocks of `sh` are what a reader runs; `console` is what takes a cluster or an hour. */
function commandsOf(document: Document): string[] {
  return blocksOf(document).flatMap(({ language, code }) => (language === 'sh' ? [code] : []));
}

/** Saves the files of a document into a folder, and runs its commands there. */
function runExamples(document: Document, folder: string): void {
  for (const block of blocksOf(document)) {
    const name = fileNameOf(block);
    if (name !== undefined) writeFileSync(join(folder, name), block.code);
  }
  for (const command of commandsOf(document)) {
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', command], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${command}\n${stdout}\n${stderr}`);
  }
}

test('the examples of the documents run as written, in an application that has lopt from its tarball', async (context) => {
  const { folder: application } = install(context);
  const examples = documents().filter((document) => commandsOf(document).length > 0);
  assert.deepEqual(examples.map(({ path }) => path).sort(), Object.keys(LEFT).sort());
  for (const document of examples) {
    await context.test(document.path, (context) => {
      if (commandsOf(document).some((command) => /\blopt up\b/.test(command)) && findNatsServer() === undefined) {
        return context.skip('needs nats-server for its cluster: apt install nats-server');
      }
      // each by itself, in a folder of the application
      const folder = join(application, document.path.replaceAll('/', '-'));
      mkdirSync(folder);
      runExamples(document, folder);
      for (const path of LEFT[document.path]!) assert.ok(existsSync(join(folder, path)), path);
    });
  }
});
