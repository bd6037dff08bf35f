import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FollowedFile } from '../../deploy/live/followed-file.js';
import { temporaryFolder } from '../fixtures/folder.js';

describe('FollowedFile', () => {
  it('gives every line once, whole, however it was cut when it was written', (test) => {
    const path = join(temporaryFolder(test), 'lines');
    const file = new FollowedFile(path);
    assert.deepEqual(file.read(), { lines: [], restarted: false });
    writeFileSync(path, 'one\ntw');
    assert.deepEqual(file.read(), { lines: ['one'], restarted: false });
    // within a letter of two bytes
    appendFileSync(path, Buffer.from('o φ').subarray(0, 3));
    assert.deepEqual(file.read(), { lines: [], restarted: false });
    appendFileSync(path, Buffer.concat([Buffer.from('φ').subarray(1), Buffer.from('\nthree\n')]));
    assert.deepEqual(file.read(), { lines: ['two φ', 'three'], restarted: false });
    assert.deepEqual(file.read(), { lines: [], restarted: false });
  });

  it('begins again where the file was cut back', (test) => {
    const path = join(temporaryFolder(test), 'lines');
    writeFileSync(path, 'one\ntwo\nthr');
    const file = new FollowedFile(path);
    file.read();
    writeFileSync(path, 'one\n');
    assert.deepEqual(file.read(), { lines: ['one'], restarted: true });
  });

  it('reads a file that is longer than what it reads at a time', (test) => {
    const path = join(temporaryFolder(test), 'lines');
    const lines = Array.from({ length: 300_000 }, (_, index) => `line ${index}`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    assert.deepEqual(new FollowedFile(path).read().lines, lines);
  });
});
