import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { firstRecord, initialLearner, type LearnerState, learn } from '../../coordinator/learner.js';
import { recover } from '../../coordinator/recovery.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import type { RunConfig } from '../../shared/config.js';
import { InconsistencyError, LoptError } from '../../shared/errors.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import type { Decision, JournalRecord } from '../../shared/journal/journal.js';
import { fillNormal, foldIn, seedKey } from '../../shared/random.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { runConfig } from '../fixtures/run-config.js';

const CONFIG = runConfig();
const LENGTH = 6;

function initialVector(): Float64Array {
  return Float64Array.from({ length: LENGTH }, (_, i) => (i - 2) / 7);
}

/** The sum of a round, with everything in it that a run meets: decisions, a skipped round, a bad one. */
function sumOf(round: number) {
  const gradient = new Float32Array(LENGTH);
  fillNormal(foldIn(seedKey(3), round), gradient, 0, 10);
  if (round === 4) gradient[2] = Number.NaN;
  const decisions: Decision[] = [];
  if (round === 1) decisions.push({ type: 'engine', fingerprint: 'engine' });
  if (round === 3) decisions.push({ type: 'plan', rounds: 12 });
  if (round % CONFIG.evaluateEvery === 0) {
    decisions.push({ type: 'evaluation', round: round - CONFIG.evaluateEvery, score: 100 / round });
  }
  return {
    metaGradient: gradient,
    healthy: round === 6 ? 0 : 7,
    problems: 8,
    loss: round,
    finalLoss: 1 / round,
    decisions,
  };
}

/** What an undisturbed run holds after each round, and its records. */
function undisturbed(rounds: number, config: RunConfig = CONFIG): { states: LearnerState[]; records: JournalRecord[] } {
  const states = [initialLearner(initialVector(), config)];
  const records = [firstRecord(states[0]!, 1)];
  for (let round = 1; round <= rounds; round++) {
    const { state, record } = learn(states.at(-1)!, sumOf(round), config, 1 + Math.floor(round / 5));
    states.push(state);
    records.push(record);
  }
  return { states, records };
}

/** A run's folder after `rounds` rounds, with checkpoints of some of them. */
async function runFolder(test: TestContext, rounds: number, saved: readonly number[], segmentBytes = 2 ** 20) {
  const folder = temporaryFolder(test);
  const { states, records } = undisturbed(rounds);
  const journal = new FileJournal(folder, { segmentBytes });
  test.after(() => journal.close());
  for (const record of records) await journal.append(record);
  const checkpoints = new Checkpoints(new FolderBlobs(folder));
  for (const round of saved)
    await checkpoints.write({ digest: 'mine', term: records[round]!.term, learner: states[round]! });
  return { folder, journal, checkpoints, states, records };
}

describe('recover()', () => {
  it('starts a run on an empty journal, with record 0 under term 1', async (test) => {
    const journal = new FileJournal(temporaryFolder(test));
    const { state, term } = await recover(journal, [], initialVector(), CONFIG);
    assert.deepEqual(state, initialLearner(initialVector(), CONFIG));
    assert.equal(term, 1);
    assert.deepEqual(await journal.read(0), firstRecord(state, 1));
    assert.equal(journal.last, 0);
    await journal.close();
  });

  it('makes the state after any round again, to the bit, from the journalled sums and any checkpoint', async (test) => {
    for (const saved of [[], [0], [1], [4], [3, 5], [9, 13], [13]]) {
      const { journal, checkpoints, states, records } = await runFolder(test, 13, saved);
      const found = (await checkpoints.read('mine')).checkpoints;
      assert.equal(found.length, saved.length);
      const { state, term } = await recover(journal, found, initialVector(), CONFIG);
      assert.deepEqual(state, states[13]);
      assert.equal(term, records[13]!.term + 1);
      assert.equal(journal.last, 13);
    }
  });

  it('tells of every round that it applies again, with the norm that the round had', async (test) => {
    const { journal, checkpoints, states, records } = await runFolder(test, 13, [9]);
    const told: [number, number][] = [];
    const found = (await checkpoints.read('mine')).checkpoints;
    await recover(journal, found, initialVector(), CONFIG, (record, norm) => {
      assert.deepEqual(record, records[record.round]);
      told.push([record.round, norm]);
    });
    const expected = [10, 11, 12, 13].map((round) => {
      const { metaGradientNorm } = learn(states[round - 1]!, sumOf(round), CONFIG, 1);
      return [round, metaGradientNorm];
    });
    assert.deepEqual(told, expected);
  });

  it('goes on with the same bits as a run that was never stopped', async (test) => {
    const { journal, checkpoints } = await runFolder(test, 8, [6]);
    const { state } = await recover(journal, (await checkpoints.read('mine')).checkpoints, initialVector(), CONFIG);
    const { states } = undisturbed(20);
    let now = state;
    for (let round = 9; round <= 20; round++) now = learn(now, sumOf(round), CONFIG, 9).state;
    assert.deepEqual(now, states[20]);
  });

  it('falls back to the checkpoint before a damaged one', async (test) => {
    // segments of one record, so that the journal reaches back to round 5 only
    const { folder, journal, checkpoints, states } = await runFolder(test, 13, [6, 11], 1);
    await journal.purge(5);
    assert.equal(journal.first, 5);
    const newest = join(
      folder,
      readdirSync(folder)
        .filter((name) => name.startsWith('checkpoint'))
        .sort()
        .at(-1)!,
    );
    const bytes = readFileSync(newest);
    bytes[bytes.length >> 1]! ^= 4;
    writeFileSync(newest, bytes);
    const found = await checkpoints.read('mine');
    assert.equal(found.damaged.length, 1);
    assert.equal(found.checkpoints.length, 1);
    const { state } = await recover(journal, found.checkpoints, initialVector(), CONFIG);
    assert.deepEqual(state, states[13]);
  });

  it('passes over a checkpoint of a round that the journal does not hold', async (test) => {
    const { journal, checkpoints, states } = await runFolder(test, 13, [3, 6], 1);
    await journal.purge(5);
    const found = (await checkpoints.read('mine')).checkpoints;
    const ahead = { digest: 'mine', term: 9, learner: undisturbed(20).states[17]! };
    const { state, term } = await recover(journal, [ahead, ...found], initialVector(), CONFIG);
    assert.deepEqual(state, states[13]);
    assert.equal(term, 10);
  });

  it('says what is missing where neither the journal nor a checkpoint reaches back', async (test) => {
    const { journal, checkpoints } = await runFolder(test, 13, [3], 1);
    await journal.purge(5);
    for (const found of [[], (await checkpoints.read('mine')).checkpoints]) {
      await assert.rejects(
        recover(journal, found, initialVector(), CONFIG),
        (error) =>
          error instanceof LoptError &&
          /^Cannot resume the run: the journal holds rounds 5 to 13, and no undamaged checkpoint/.test(error.message),
      );
    }
  });

  it('says what is missing where the φ’s of open episodes are', async (test) => {
    const config = runConfig({ horizon: 30, unroll: 3 });
    const { states, records } = undisturbed(13, config);
    for (const [first, enough] of [
      [10, true],
      [11, false],
    ] as const) {
      const journal = new FileJournal(temporaryFolder(test), { start: first });
      test.after(() => journal.close());
      for (const record of records.slice(first)) await journal.append(record);
      const checkpoint = { digest: 'mine', term: 3, learner: states[12]! };
      const recovered = recover(journal, [checkpoint], initialVector(), config);
      if (enough) assert.deepEqual((await recovered).state, states[13]);
      else {
        await assert.rejects(recovered, {
          message:
            'Cannot resume the run: its open episodes need the rounds from 10 on, and the journal begins with round 11',
        });
      }
    }
  });

  it('throws where there are checkpoints but no journal', async (test) => {
    const { checkpoints } = await runFolder(test, 4, [4]);
    const empty = new FileJournal(temporaryFolder(test));
    await assert.rejects(
      recover(empty, (await checkpoints.read('mine')).checkpoints, initialVector(), CONFIG),
      (error) => error instanceof LoptError && /^Cannot resume the run: its journal is empty/.test(error.message),
    );
    assert.equal(empty.last, -1);
    await empty.close();
  });

  it('throws InconsistencyError where φ of a record is not what its sum makes', async (test) => {
    for (const [saved, changed] of [
      [[], 0],
      [[], 7],
      [[], 13],
      [[6], 6],
      [[6], 9],
    ] as const) {
      const { records, checkpoints } = await runFolder(test, 13, saved);
      const journal = new FileJournal(temporaryFolder(test));
      for (const record of records) {
        const phi = record.phi.slice();
        if (record.round === changed) phi[3]! += 2 ** -20;
        await journal.append({ ...record, phi });
      }
      await assert.rejects(
        recover(journal, (await checkpoints.read('mine')).checkpoints, initialVector(), CONFIG),
        (error) => {
          assert.ok(error instanceof InconsistencyError);
          assert.match(error.message, new RegExp(`φ of round ${changed} differs`));
          return true;
        },
      );
      await journal.close();
    }
  });

  it('throws InconsistencyError where the outer step is another one, or φ_0 is', async (test) => {
    const { journal } = await runFolder(test, 13, []);
    const other = { ...CONFIG, outer: { ...CONFIG.outer, learningRate: 0.02 } };
    await assert.rejects(recover(journal, [], initialVector(), other), InconsistencyError);
    await assert.rejects(recover(journal, [], initialVector().fill(1), CONFIG), InconsistencyError);
    await assert.rejects(recover(journal, [], new Float64Array(LENGTH + 1), CONFIG), InconsistencyError);
  });
});
