import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../fixtures/application.js';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('the README links only to what is there', () => {
  const links = [...README.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)|src="([^"]+)"/g)].map(
    (match) => match[1] ?? match[2]!,
  );
  assert.ok(links.length > 20);
  for (const link of links) assert.ok(existsSync(join(ROOT, link)), link);
});
