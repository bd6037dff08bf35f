import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { optionNames } from '../../shared/options/table.js';
import { documentText, OPTION_DOCUMENT, withTable } from '../fixtures/option-document.js';

test('shared/options/README.md has the table of options as it is; npm run docs writes it', () => {
  const text = readFileSync(OPTION_DOCUMENT, 'utf8');
  assert.equal(text, documentText());
  for (const name of optionNames()) assert.ok(text.includes(`\n| \`--${name}\` | `), name);
});

test('withTable() puts another table in the place of the first, and leaves the rest', () => {
  const text = readFileSync(OPTION_DOCUMENT, 'utf8');
  const other = withTable(text, 'none');
  assert.ok(!other.includes('| `--seed` |'));
  assert.equal(withTable(other, 'some'), withTable(text, 'some'));
  assert.throws(() => withTable('# Options\n', 'none'), /must hold/);
});
