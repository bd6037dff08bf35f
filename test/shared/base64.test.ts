import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBase64, toBase64 } from '../../shared/base64.js';

test('toBase64() and fromBase64() agree with Node’s Buffer for every byte and every length of the last group', () => {
  for (const length of [0, 1, 2, 3, 256, 257, 258]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 37) % 256);
    const text = Buffer.from(bytes).toString('base64');
    assert.equal(toBase64(bytes), text);
    assert.deepEqual(fromBase64(text), bytes);
  }
});
