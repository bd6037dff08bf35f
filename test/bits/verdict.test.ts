import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../fixtures/folder.js';
import { hashesIn } from './train.js';
import { rowsOf, verdictsOn } from './verdict.js';

/** sha256 of no bytes, and of the byte "a" (FIPS 180-2's algorithm, by coreutils' sha256sum). */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const LETTER = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb';

test('hashesIn() finds every φ of a run or a sweep by its path, and nothing else', (context) => {
  const out = temporaryFolder(context);
  mkdirSync(join(out, 'trials', '0001'), { recursive: true });
  writeFileSync(join(out, 'last.safetensors'), '');
  writeFileSync(join(out, 'init.safetensors'), '');
  writeFileSync(join(out, 'trials', '0001', 'phi.safetensors'), 'a');
  const expected = [
    ['last.safetensors', EMPTY],
    [join('trials', '0001', 'phi.safetensors'), LETTER],
  ];
  assert.deepEqual([...hashesIn(out)], expected);
});

test('verdictsOn() takes a file that one of the two lacks for a difference', () => {
  const a = new Map([
    ['x', EMPTY],
    ['y', EMPTY],
    ['z', EMPTY],
  ]);
  const b = new Map([
    ['x', EMPTY],
    ['y', LETTER],
    ['w', EMPTY],
  ]);
  const verdicts = verdictsOn('s', a, b);
  assert.deepEqual(
    verdicts.map(({ file, equal }) => [file, equal]),
    [
      ['w', false],
      ['x', true],
      ['y', false],
      ['z', false],
    ],
  );
  assert.match(rowsOf(verdicts[1]!), new RegExp(`^s +x +equal +${EMPTY}\n$`));
  assert.match(rowsOf(verdicts[2]!), new RegExp(`^s +y +differs: A +${EMPTY}\ns +y +B +${LETTER}\n$`));
  assert.match(rowsOf(verdicts[3]!), new RegExp(`A +${EMPTY}\n.*B +absent\n$`));
});
