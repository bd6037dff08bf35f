import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Aside } from '../../shared/aside.js';
import { encodeFrame } from '../../shared/codec.js';
import { JournalError } from '../../shared/errors.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { appendRounds, assertRounds, testJournal } from '../contracts/journal.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { recordOf } from '../fixtures/records.js';

testJournal({
  name: 'file',
  create: async (test) => {
    const folder = join(temporaryFolder(test), 'made', 'here');
    return async (start = 0) => new FileJournal(folder, { start });
  },
});

// three records or so
const SEGMENT_BYTES = 2 * encodeFrame(recordOf(1)).length + 1;

testJournal({
  name: 'file, in short segments,',
  create: async (test) => {
    const folder = temporaryFolder(test);
    return async (start = 0) => new FileJournal(folder, { segmentBytes: SEGMENT_BYTES, start });
  },
});

function segmentsIn(folder: string): string[] {
  return readdirSync(folder).sort();
}

function contentsOf(folder: string): Record<string, Buffer> {
  return Object.fromEntries(segmentsIn(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

describe('FileJournal', () => {
  it('cuts a last record off that is torn at any byte, and goes on in its place', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder);
    await appendRounds(journal, 0, 3);
    await journal.close();
    const [name] = segmentsIn(folder);
    const path = join(folder, name!);
    const whole = readFileSync(path);
    const start = whole.length - encodeFrame(recordOf(3)).length;
    for (let length = start; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      const torn = new FileJournal(folder);
      assert.equal(torn.last, 2, `${length - start} bytes`);
      await assertRounds(torn, 0, 2);
      assert.equal(readFileSync(path).length, length, 'not before another takes its place');
      await appendRounds(torn, 3, 3);
      await torn.close();
      assert.deepEqual(readFileSync(path), whole);
    }
    const again = new FileJournal(folder);
    await assertRounds(again, 0, 3);
    await again.close();
  });

  it('cuts a first record off that is torn, as though it were empty', async (test) => {
    for (const start of [0, 5]) {
      const folder = temporaryFolder(test);
      writeFileSync(join(folder, `journal-00000000000${start}.bin`), encodeFrame(recordOf(start)).subarray(0, 40));
      const journal = new FileJournal(folder, { start });
      await assertRounds(journal, -1, -1);
      await appendRounds(journal, start, start + 1);
      await assertRounds(journal, start, start + 1);
      await journal.close();
    }
  });

  it('leaves all that it cannot read in its place until it appends, and keeps aside what it cuts then', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder, { segmentBytes: SEGMENT_BYTES });
    await appendRounds(journal, 0, 11);
    await journal.close();
    const before = contentsOf(folder);
    const [, second = ''] = Object.keys(before);
    // its second record is damaged: what follows is out of reach
    const damaged = Buffer.from(before[second]!);
    damaged[encodeFrame(recordOf(0)).length + 30]! ^= 1;
    writeFileSync(join(folder, second), damaged);
    const aside = temporaryFolder(test);
    const opened = new FileJournal(folder, { segmentBytes: SEGMENT_BYTES, aside: new Aside(aside).group('journal') });
    const { last } = opened;
    assert.ok(last > 0 && last < 11);
    assert.deepEqual(contentsOf(folder), { ...before, [second]: damaged });
    assert.deepEqual(readdirSync(aside), []);
    await appendRounds(opened, last + 1, last + 1);
    await assertRounds(opened, 0, last + 1);
    await opened.close();
    assert.deepEqual(contentsOf(join(aside, 'journal')), { [second]: damaged });
  });

  it('truncate() and restart() keep aside what they drop, a generation deep', async (test) => {
    const [folder, aside] = [temporaryFolder(test), temporaryFolder(test)];
    const open = () =>
      new FileJournal(folder, { segmentBytes: SEGMENT_BYTES, aside: new Aside(aside).group('journal') });
    const journal = open();
    await appendRounds(journal, 0, 11);
    const before = contentsOf(folder);
    const names = Object.keys(before);
    await journal.truncate(2 * 3 + 1);
    await assertRounds(journal, 0, 7);
    await journal.close();
    const kept = Object.fromEntries(names.slice(2).map((name) => [name, before[name]]));
    assert.deepEqual(contentsOf(join(aside, 'journal')), kept);
    const again = open();
    const left = contentsOf(folder);
    await again.restart(40);
    await assertRounds(again, -1, -1);
    await appendRounds(again, 40, 42);
    await assertRounds(again, 40, 42);
    await again.close();
    assert.deepEqual(contentsOf(join(aside, 'journal')), left);
  });

  it('says in a JournalError which segment cannot be opened', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder, { segmentBytes: 1 });
    await appendRounds(journal, 0, 0);
    const next = join(folder, 'journal-000000000001.bin');
    // as if no inode were left
    mkdirSync(next);
    await assert.rejects(journal.append(recordOf(1)), (error) => {
      assert.ok(error instanceof JournalError);
      assert.equal(error.message, `Cannot append round 1 to ${next}: it is a folder`);
      return true;
    });
    await journal.close();
    assert.throws(() => new FileJournal(folder), {
      name: 'JournalError',
      message: `Cannot open ${next}, a part of the journal: it is a folder`,
    });
  });

  it('cuts a last record off that is damaged anywhere', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder);
    await appendRounds(journal, 0, 2);
    await journal.close();
    const path = join(folder, segmentsIn(folder)[0]!);
    const whole = readFileSync(path);
    const start = whole.length - encodeFrame(recordOf(2)).length;
    for (let at = start; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      writeFileSync(path, damaged);
      const opened = new FileJournal(folder);
      assert.equal(opened.last, 1, `byte ${at - start}`);
      await opened.close();
    }
  });

  it('starts a new segment when one is full, named by its first round, and purges whole segments', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder, { segmentBytes: SEGMENT_BYTES });
    await appendRounds(journal, 0, 11);
    const names = segmentsIn(folder);
    const firsts = names.map((name) => Number(/^journal-(\d{12})\.bin$/.exec(name)![1]));
    assert.ok(firsts.length >= 4, `${firsts}`);
    for (const [index, first] of firsts.entries()) {
      const next = firsts[index + 1] ?? 12;
      const frames = Array.from({ length: next - first }, (_, i) => encodeFrame(recordOf(first + i)));
      assert.deepEqual(readFileSync(join(folder, names[index]!)), Buffer.concat(frames));
    }
    await journal.purge(firsts[2]! - 1);
    assert.deepEqual(segmentsIn(folder), names.slice(1));
    await journal.purge(firsts[2]!);
    assert.deepEqual(segmentsIn(folder), names.slice(2));
    await journal.purge(1000);
    assert.deepEqual(segmentsIn(folder), names.slice(-1));
    await assertRounds(journal, firsts.at(-1)!, 11);
    await journal.close();
  });

  it('drops segments that follow a gap', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder, { segmentBytes: 1 });
    await appendRounds(journal, 0, 5);
    await journal.close();
    rmSync(join(folder, 'journal-000000000003.bin'));
    const opened = new FileJournal(folder, { segmentBytes: 1 });
    await assertRounds(opened, 0, 2);
    await appendRounds(opened, 3, 4);
    await opened.close();
    const again = new FileJournal(folder, { segmentBytes: 1 });
    await assertRounds(again, 0, 4);
    await again.close();
  });

  it('leaves files of other names alone', async (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'journal-1.bin'), 'mine');
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const journal = new FileJournal(folder);
    await appendRounds(journal, 0, 0);
    await journal.close();
    assert.deepEqual(segmentsIn(folder), ['journal-000000000000.bin', 'journal-1.bin', 'notes.txt']);
  });

  it('read() says which record was damaged after the journal was opened', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder);
    await appendRounds(journal, 0, 2);
    const path = join(folder, segmentsIn(folder)[0]!);
    const bytes = readFileSync(path);
    bytes[encodeFrame(recordOf(0)).length + 30]! ^= 1;
    writeFileSync(path, bytes);
    await assert.rejects(
      journal.read(1),
      (error) =>
        error instanceof JournalError && /^Cannot read round 1 from .*: the record is damaged$/.test(error.message),
    );
    assert.deepEqual(await journal.read(2), recordOf(2));
    await journal.close();
  });

  it('append() and read() name the rounds that would be right', async (test) => {
    const folder = temporaryFolder(test);
    const journal = new FileJournal(folder);
    await appendRounds(journal, 0, 2);
    await assert.rejects(journal.append(recordOf(7)), {
      message: 'Cannot append round 7 to the journal: the next one must be 3',
    });
    await assert.rejects(journal.read(9), {
      message: `Cannot read round 9 from the journal in ${folder}: it holds rounds 0 to 2`,
    });
    await journal.close();
  });
});
