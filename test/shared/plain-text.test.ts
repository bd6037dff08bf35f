import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPlainText, plainText } from '../../shared/plain-text.js';

describe('plainText()', () => {
  it('leaves text for people as it is', () => {
    for (const text of [
      '',
      'Cannot read φ from /tmp/a b/φ.safetensors: it must be [3, 1], got "x"',
      '学習 оптимизатор ‘quoted’ – 10⁻⁵ × 3 🙂 אב',
    ]) {
      assert.equal(plainText(text), text);
      assert.equal(isPlainText(text), true);
    }
  });

  it('takes escape sequences out with all that belongs to them', () => {
    for (const [text, plain] of [
      ['a\x1b[31mred\x1b[0m b', 'ared b'],
      ['a\x1b[2J\x1b[1;1Hb', 'ab'],
      ['a\x1b[38:2::1:2:3mb', 'ab'],
      ['a\x1b]0;title\x07b', 'ab'],
      ['a\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\', 'alink'],
      ['a\x1bPq1;2\x1b\\b', 'ab'],
      ['a\x1b(0b', 'ab'],
      ['a\x1bcb', 'ab'],
      ['a\x9b31mred\x9d0;title\x9cb', 'aredb'],
      ['a\x1b[31', 'a'],
      ['a\x1b', 'a'],
      ['a\x1b]0;never ended', 'a0;never ended'],
      // what is left must not be one again
      ['\x1b\x1b[0m[31mb', '[31mb'],
      ['\x1b[\x1b[31m', ''],
    ] as const) {
      assert.equal(plainText(text), plain, JSON.stringify(text));
      assert.equal(isPlainText(text), false);
    }
  });

  it('makes one line of many', () => {
    assert.equal(plainText('a\r\nb\tc\u2028d\u0085e'), 'a b c d e');
  });

  it('leaves no C0, no C1, no DEL and no mark of direction anywhere', () => {
    const codes = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i)];
    const marks = [0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069];
    for (const code of [...codes, ...marks]) {
      const plain = plainText(`x${String.fromCharCode(code)}y`);
      assert.ok(['xy', 'x y', 'x'].includes(plain), `0x${code.toString(16)} gives ${JSON.stringify(plain)}`);
    }
  });
});
