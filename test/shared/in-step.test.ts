import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { LoptError } from '../../shared/errors.js';
import { CopiedJournal } from '../../shared/journal/copied-journal.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { bringIntoStep, stepBetween } from '../../shared/journal/in-step.js';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import type { Journal, JournalRecord } from '../../shared/journal/journal.js';
import { silentLogger } from '../../shared/logger.js';
import { runSubjects } from '../../shared/subjects.js';
import { testJournal } from '../contracts/journal.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { jetStreamOf, startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { recordOf } from '../fixtures/records.js';

testJournal({
  name: 'copied',
  create: async (test) => {
    const [first, second] = [temporaryFolder(test), temporaryFolder(test)];
    return async (start = 0) =>
      new CopiedJournal(new FileJournal(first, { start }), new FileJournal(second, { start }));
  },
});

const EMPTY = { first: -1, last: -1 };

describe('stepBetween()', () => {
  const cases = [
    ['neither has anything', EMPTY, EMPTY, { action: 'none' }],
    ['a new folder', { first: 3, last: 9 }, EMPTY, { action: 'renew-copy' }],
    ['a wiped server', EMPTY, { first: 3, last: 9 }, { action: 'extend-journal' }],
    ['both have the same', { first: 3, last: 9 }, { first: 0, last: 9 }, { action: 'none', meeting: 9 }],
    ['another coordinator led', { first: 3, last: 9 }, { first: 0, last: 5 }, { action: 'extend-copy', meeting: 5 }],
    ['only just out of reach', { first: 6, last: 9 }, { first: 0, last: 5 }, { action: 'renew-copy' }],
    ['the last one in reach', { first: 5, last: 9 }, { first: 0, last: 5 }, { action: 'extend-copy', meeting: 5 }],
    ['the server lost its end', { first: 0, last: 5 }, { first: 3, last: 9 }, { action: 'extend-journal', meeting: 5 }],
    ['an old backup', { first: 0, last: 2 }, { first: 3, last: 9 }, { action: 'refuse' }],
  ] as const;
  for (const [name, journal, copy, step] of cases) {
    it(name, () => assert.deepEqual(stepBetween(journal, copy), step));
  }
});

/** A journal of these rounds, under a term. */
async function journalOf(
  test: TestContext,
  first: number,
  last: number,
  change: (record: JournalRecord) => JournalRecord = (record) => record,
): Promise<FileJournal> {
  const journal = new FileJournal(temporaryFolder(test), { start: first });
  test.after(() => journal.close());
  for (let round = first; round <= last; round++) await journal.append(change(recordOf(round)));
  return journal;
}

async function recordsIn(journal: Journal): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (let round = Math.max(0, journal.first); round <= journal.last; round++) records.push(await journal.read(round));
  return records;
}

function step(journal: Journal, copy: FileJournal, said: string[] = []): Promise<void> {
  const logger = { ...silentLogger, warn: (line: string) => void said.push(line) };
  return bringIntoStep({ journal, copy, server: 'NATS at n', folder: 'runs/a', run: 'a', logger });
}

describe('bringIntoStep()', () => {
  it('gives the copy what it lacks, and takes away what does not reach the journal', async (test) => {
    for (const [first, last] of [
      [0, 30],
      [5, 8],
      [0, 3],
      [0, -1],
    ] as const) {
      const said: string[] = [];
      const journal = await journalOf(test, 5, 40);
      const copy = await journalOf(test, first, last);
      await step(journal, copy, said);
      assert.deepEqual([copy.first, copy.last], [last < 5 ? 5 : first, 40]);
      for (let round = 5; round <= 40; round++) assert.deepEqual(await copy.read(round), recordOf(round));
      assert.deepEqual(said, []);
      await copy.append(recordOf(41));
    }
  });

  it('gives the journal what the copy has beyond it, under terms that do not fall, and says so', async (test) => {
    const said: string[] = [];
    const led = await journalOf(test, 2, 20, (record) => ({ ...record, term: 7 }));
    const copy = await journalOf(test, 4, 45, (record) => ({ ...record, term: record.round < 30 ? 1 : 9 }));
    const before = await recordsIn(copy);
    await step(led, copy, said);
    assert.deepEqual(
      await recordsIn(led),
      Array.from({ length: 44 }, (_, i) => ({ ...recordOf(2 + i), term: 2 + i < 30 ? 7 : 9 })),
    );
    assert.deepEqual(await recordsIn(copy), before);
    assert.deepEqual(said, [
      'Resuming run a from the copy in runs/a, up to round 45: NATS at n holds its journal up to round 20',
    ]);
  });

  it('refuses other records, wherever they differ, and a gap; and changes nothing', async (test) => {
    const differs = (at: number) => (record: JournalRecord) =>
      record.round === at ? { ...record, decisions: [{ type: 'plan', rounds: 99 } as const] } : record;
    const cases = [
      [
        { first: 0, last: 20 },
        { first: 0, last: 12 },
        12,
        /^Cannot resume runs\/a: the copy and NATS at n hold different/,
      ],
      [
        { first: 0, last: 12 },
        { first: 0, last: 12 },
        12,
        /different records of round 12; name another folder with --out/,
      ],
      // a copy that would be built upon agrees all the way
      [
        { first: 3, last: 12 },
        { first: 0, last: 20 },
        3,
        /records of round 3;.* lopt stop a --delete to go on from the copy$/,
      ],
      [
        { first: 0, last: 4 },
        { first: 6, last: 9 },
        99,
        /: NATS at n ends with round 4, and the copy begins with round 6;/,
      ],
    ] as const;
    for (const [own, copied, at, sentence] of cases) {
      const journal = await journalOf(test, own.first, own.last);
      const copy = await journalOf(test, copied.first, copied.last, differs(at));
      const before = [await recordsIn(journal), await recordsIn(copy)];
      await assert.rejects(step(journal, copy), (error) => error instanceof LoptError && sentence.test(error.message));
      assert.deepEqual([await recordsIn(journal), await recordsIn(copy)], before);
    }
  });

  it('changes nothing before the last round is accepted', async (test) => {
    for (const [own, copied] of [
      [
        { first: 5, last: 20 },
        { first: 0, last: 3 },
      ],
      [
        { first: 0, last: 3 },
        { first: 2, last: 20 },
      ],
    ] as const) {
      const journal = await journalOf(test, own.first, own.last);
      const copy = await journalOf(test, copied.first, copied.last);
      const accept = (round: number) => assert.fail(`asked for ${round}`);
      const options = { journal, copy, server: 'n', folder: 'f', run: 'a', accept, logger: silentLogger };
      await assert.rejects(bringIntoStep(options), { message: 'asked for 20' });
      assert.deepEqual([journal.first, journal.last], [own.first, own.last]);
      assert.deepEqual([copy.first, copy.last], [copied.first, copied.last]);
    }
  });

  it('gives an empty stream the whole copy, however it is split', { skip: WITHOUT_NATS }, async (test) => {
    const server = await startServer(test);
    const jetStream = await jetStreamOf(test, server);
    const copy = new FileJournal(temporaryFolder(test), { start: 4 });
    test.after(() => copy.close());
    const lengthOf = (round: number) => (round % 10 === 7 ? 700_000 : 5);
    for (let round = 4; round <= 25; round++) await copy.append(recordOf(round, lengthOf(round)));
    const options = { jetStream, subjects: runSubjects('a'), digest: 'd'.repeat(64), logger: silentLogger };
    await step(await JetStreamJournal.open({ ...options, start: 4 }), copy);
    const again = await JetStreamJournal.open(options);
    assert.deepEqual([again.first, again.last], [4, 25]);
    for (let round = 4; round <= 25; round++) {
      assert.deepEqual(await again.read(round), recordOf(round, lengthOf(round)));
    }
    await again.append(recordOf(26));
  });
});
