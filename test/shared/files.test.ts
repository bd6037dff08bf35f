import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GrowingFile, isFolder, makeFolder, readFileNamed, writeFileWhole } from '../../shared/files.js';
import { assertFileError } from '../fixtures/damaged-files.js';
import { temporaryFolder } from '../fixtures/folder.js';

describe('makeFolder()', () => {
  it('makes a folder with its parents, and is content if it is there', (test) => {
    const folder = temporaryFolder(test);
    for (const path of ['a', 'a', 'b/c/d', 'b/c/d/', 'e/../f', 'b/x/./y']) makeFolder(join(folder, path));
    for (const path of ['a', 'b/c/d', 'f', 'b/x/y']) assert.ok(isFolder(join(folder, path)), path);
  });

  it('throws FileError if something else is in the way', (test) => {
    const folder = temporaryFolder(test);
    const file = join(folder, 'file');
    writeFileSync(file, 'mine');
    symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
    const long = join(folder, 'x'.repeat(300));
    for (const [path, why] of [
      [file, `${file} is not a folder`],
      [join(file, 'a', 'b'), `${file} is not a folder`],
      [join(folder, 'link', 'a'), `${join(folder, 'link')} is not a folder`],
      [long, 'its name is too long'],
    ] as const) {
      const { message } = assertFileError(() => makeFolder(path), path);
      assert.equal(message, `Cannot make the folder ${path}: ${why}`);
    }
    assert.deepEqual(readdirSync(folder), ['file', 'link']);
  });
});

describe('writeFileWhole()', () => {
  it('writes bytes and text, over what was there, and leaves nothing else', (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'file');
    const large = new Uint8Array(3 << 20).map((_, i) => i * 31);
    for (const content of ['first', 'φ = ∇', '', Uint8Array.of(0, 255, 10), large]) {
      writeFileWhole(path, content);
      assert.ok(readFileSync(path).equals(Buffer.from(content as Uint8Array)));
      assert.deepEqual(readdirSync(folder), ['file']);
    }
  });

  it('replaces what a crash left aside', (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'file');
    writeFileSync(`${path}.partial`, 'torn, and longer than what follows');
    writeFileWhole(path, 'whole');
    assert.equal(readFileSync(path, 'utf8'), 'whole');
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  it('throws FileError and leaves the old content where it cannot write', (test) => {
    const folder = temporaryFolder(test);
    const missing = join(folder, 'none', 'file');
    assertFileError(() => writeFileWhole(missing, 'x'), missing);
    const occupied = join(folder, 'folder');
    mkdirSync(occupied);
    writeFileSync(join(occupied, 'inside'), 'old');
    assertFileError(() => writeFileWhole(occupied, 'x'), occupied);
    assert.deepEqual(readdirSync(folder), ['folder']);
    assert.equal(readFileSync(join(occupied, 'inside'), 'utf8'), 'old');
  });
});

describe('GrowingFile', () => {
  it('appends to what is there, and every append can be read at once', (test) => {
    const path = join(temporaryFolder(test), 'file');
    for (const [index, content] of ['first', ' second'].entries()) {
      const file = new GrowingFile(path);
      file.append(Buffer.from(content));
      assert.equal(readFileSync(path, 'utf8'), ['first', 'first second'][index]);
      file.close();
      file.close();
    }
  });

  it('throws FileError where it cannot write', (test) => {
    const missing = join(temporaryFolder(test), 'none', 'file');
    assertFileError(() => new GrowingFile(missing), missing);
  });

  it('throws FileError where the disk is full', { skip: !existsSync('/dev/full') && 'needs /dev/full' }, () => {
    const file = new GrowingFile('/dev/full');
    assertFileError(() => file.append(Buffer.from('x')), '/dev/full');
    file.close();
  });
});

describe('readFileNamed()', () => {
  it('gives the bytes, and says what is missing or unreadable', (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'file');
    const error = assertFileError(() => readFileNamed(path, 'φ'), path);
    assert.equal(error.message, `Cannot read φ from ${path}: there is no such file`);
    assertFileError(() => readFileNamed(folder, 'φ'), folder);
    writeFileSync(path, 'abc');
    assert.deepEqual(readFileNamed(path, 'φ'), Buffer.from('abc'));
  });
});
