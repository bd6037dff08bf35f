/** What every journal must do; run on each implementation. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { JournalError } from '../../shared/errors.js';
import type { Journal } from '../../shared/journal/journal.js';
import { recordOf } from '../fixtures/records.js';

/** What the suite needs to know of a journal. */
export interface JournalUnderTest {
  name: string;
  /** Why the suite cannot run here. */
  skip?: string | false;
  /**
   * Makes the place of a journal that is empty at first, and begins with round `start`, 0 by default; each call opens what
   * the last one closed.
   */
  create(test: TestContext): Promise<(start?: number) => Promise<Journal>>;
}

/** Appends records first … last. */
export async function appendRounds(journal: Journal, first: number, last: number): Promise<void> {
  for (let round = first; round <= last; round++) await journal.append(recordOf(round));
}

/** Asserts that the journal holds these rounds with their contents, and no others. */
export async function assertRounds(journal: Journal, first: number, last: number): Promise<void> {
  assert.deepEqual([journal.first, journal.last], [first, last]);
  for (let round = Math.max(0, first); round <= last; round++) {
    assert.deepEqual(await journal.read(round), recordOf(round));
    assert.deepEqual(await journal.phi(round), recordOf(round).phi);
  }
  for (const round of [first - 1, last + 1, last + 100]) {
    await assert.rejects(journal.read(round), JournalError);
    await assert.rejects(journal.phi(round), JournalError);
  }
}

/** The contract. */
export function testJournal(under: JournalUnderTest): void {
  describe(`${under.name} journal`, { skip: under.skip ?? false }, () => {
    it('is empty at first', async (test) => {
      const open = await under.create(test);
      const journal = await open();
      await assertRounds(journal, -1, -1);
      await journal.close();
    });

    it('read() gives every record back as it was appended, in any order', async (test) => {
      const open = await under.create(test);
      const journal = await open();
      await appendRounds(journal, 0, 12);
      await assertRounds(journal, 0, 12);
      for (const round of [7, 0, 12, 3, 7]) assert.deepEqual(await journal.read(round), recordOf(round));
      await journal.close();
    });

    it('read() gives many records at a time', async (test) => {
      const open = await under.create(test);
      const journal = await open();
      await appendRounds(journal, 0, 40);
      const rounds = Array.from({ length: 41 }, (_, i) => (i * 17) % 41);
      assert.deepEqual(
        await Promise.all(rounds.map((round) => journal.read(round))),
        rounds.map((round) => recordOf(round)),
      );
      await journal.close();
    });

    it('keeps records of any size', async (test) => {
      const open = await under.create(test);
      const lengths = [5, 60_000, 70_000, 300_000, 1, 130_000];
      const first = await open();
      for (const [round, length] of lengths.entries()) await first.append(recordOf(round, length));
      await first.close();
      const journal = await open();
      for (const [round, length] of lengths.entries())
        assert.deepEqual(await journal.read(round), recordOf(round, length));
      await journal.purge(3);
      await journal.append(recordOf(6, 300_000));
      for (const round of [3, 4, 5, 6]) {
        assert.deepEqual(await journal.phi(round), recordOf(round, lengths[round] ?? 300_000).phi);
      }
      await journal.close();
    });

    it('append() refuses every round but the next, and keeps what it has', async (test) => {
      const open = await under.create(test);
      const journal = await open();
      await assert.rejects(journal.append(recordOf(1)), JournalError);
      await assertRounds(journal, -1, -1);
      await appendRounds(journal, 0, 3);
      for (const round of [0, 2, 3, 5, 100]) await assert.rejects(journal.append(recordOf(round)), JournalError);
      await appendRounds(journal, 4, 4);
      await assertRounds(journal, 0, 4);
      await journal.close();
    });

    it('keeps its records when it is opened again, and goes on after them', async (test) => {
      const open = await under.create(test);
      for (const end of [2, 5, 9]) {
        const journal = await open();
        await appendRounds(journal, journal.last + 1, end);
        await assertRounds(journal, 0, end);
        await journal.close();
      }
      const journal = await open();
      await assertRounds(journal, 0, 9);
      await journal.close();
    });

    it('purge() keeps the round it is given and all later ones', async (test) => {
      const open = await under.create(test);
      const journal = await open();
      await appendRounds(journal, 0, 20);
      for (const round of [-5, 0, 4, 11, 11, 3]) {
        await journal.purge(round);
        assert.ok(journal.first <= Math.max(0, round) || journal.first <= 11, `first ${journal.first}`);
        await assertRounds(journal, journal.first, 20);
      }
      assert.ok(journal.first <= 11);
      await appendRounds(journal, 21, 22);
      await journal.purge(22);
      assert.ok(journal.first <= 22);
      await assertRounds(journal, journal.first, 22);
      await journal.close();
      const again = await open();
      await assertRounds(again, journal.first === -1 ? again.first : journal.first, 22);
      await again.close();
    });

    it('truncate() drops what is above the round it is given, for good, and append() goes on after it', async (test) => {
      const open = await under.create(test);
      const journal = await open();
      const lengths = (round: number) => (round % 5 === 3 ? 70_000 : 5);
      const append = async (to: Journal, last: number) => {
        for (let round = to.last + 1; round <= last; round++) await to.append(recordOf(round, lengths(round)));
      };
      const assertHolds = async (held: Journal, first: number, last: number) => {
        assert.deepEqual([held.first, held.last], [first, last]);
        for (let round = first; round <= last; round++) {
          assert.deepEqual(await held.read(round), recordOf(round, lengths(round)));
        }
        for (const round of [last + 1, last + 5]) await assert.rejects(held.read(round), JournalError);
      };
      await append(journal, 20);
      for (const round of [20, 21, 100]) await journal.truncate(round);
      await assertHolds(journal, 0, 20);
      await journal.truncate(13);
      await assertHolds(journal, 0, 13);
      await append(journal, 17);
      await assertHolds(journal, 0, 17);
      await journal.truncate(15);
      await journal.truncate(4);
      await journal.close();
      const again = await open();
      await assertHolds(again, 0, 4);
      await append(again, 30);
      await again.purge(9);
      await again.truncate(12);
      await assertHolds(again, again.first, 12);
      await assert.rejects(again.truncate(again.first - 1), JournalError);
      await append(again, 14);
      await again.close();
      const last = await open();
      await assertHolds(last, again.first === -1 ? last.first : again.first, 14);
      await last.truncate(last.first);
      await assertHolds(last, last.first, last.first);
      await last.close();
    });

    it('begins with the round that it is made for, and with no other', async (test) => {
      const open = await under.create(test);
      const journal = await open(5);
      for (const round of [0, 4, 6]) await assert.rejects(journal.append(recordOf(round)), JournalError);
      await appendRounds(journal, 5, 8);
      await assertRounds(journal, 5, 8);
      await journal.close();
      const again = await open(5);
      await assertRounds(again, 5, 8);
      await appendRounds(again, 9, 9);
      await assertRounds(again, 5, 9);
      await again.close();
    });

    it('close() can be called twice', async (test) => {
      const open = await under.create(test);
      const journal = await open();
      await appendRounds(journal, 0, 1);
      await journal.close();
      await journal.close();
    });
  });
}
