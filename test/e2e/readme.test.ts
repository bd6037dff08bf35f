import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findNatsServer } from '../../deploy/cluster/nats-server.js';
import { install, ROOT } from '../fixtures/application.js';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The README's code of one language, in order; `sh` is what a reader runs, `console` what takes a cluster or an hour. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1]!);
}

/** The name of the file that a block is to be saved as: its first line says so. */
function fileNameOf(block: string): string {
  return /^\/\/ (\S+\.(?:ts|mjs))/.exec(block)![1]!;
}

test("the README's examples run as written, in an application that has lopt from its tarball", (context) => {
  if (findNatsServer() === undefined) return context.skip('needs nats-server for its cluster: apt install nats-server');
  const { folder } = install(context);
  for (const language of ['ts', 'js']) {
    for (const block of blocks(language)) writeFileSync(join(folder, fileNameOf(block)), block);
  }
  mkdirSync(join(folder, 'runs'));
  const commands = blocks('sh');
  assert.ok(commands.length >= 4);
  for (const block of commands) {
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', block], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${block}\n${stdout}\n${stderr}`);
  }
  for (const name of ['runs/a/report.html', 'runs/a/phi.py', 'curves.svg'])
    assert.ok(existsSync(join(folder, name)), name);
});

test('the README links only to what is there', () => {
  const links = [...README.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)|src="([^"]+)"/g)].map(
    (match) => match[1] ?? match[2]!,
  );
  assert.ok(links.length > 20);
  for (const link of links) assert.ok(existsSync(join(ROOT, link)), link);
});
