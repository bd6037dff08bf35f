import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { SMALL_ROUNDS, seededRandom, startProcess, trainSmall, trainTerminated } from './harness.js';

const CRASHING = fileURLToPath(new URL('./crashing-run.js', import.meta.url));

/** Every option at once, over 13 staggered shards; the horizon grows at the first evaluation that is not better. */
const FLAGS = {
  unroll: 3,
  'longest-unroll': 9,
  horizons: '40,60',
  patience: 1,
  'evaluate-every': 4,
  'loss-weights': 'linear',
  'scale-coordinates': 1,
  'scale-problem': 0.5,
  'scale-tensors': 0.5,
  'second-derivatives': true,
  'slope-limit': 0.05,
  imitate: 0.4,
  'learning-rate': 0.3,
};

/** φ of the undisturbed run, by one thread, and the rounds after which its horizon grew. */
let expected = '';
const grown: number[] = [];

/** The rounds of the decisions in a run's journal. */
async function journalledGrowth(folder: string): Promise<number[]> {
  const journal = new FileJournal(join(folder, 'journal'));
  const rounds: number[] = [];
  for (let round = journal.first; round <= journal.last; round++) {
    const { decisions } = await journal.read(round);
    if (decisions.some(({ type }) => type === 'horizon')) rounds.push(round);
  }
  await journal.close();
  return rounds;
}

describe('a run with all training options gives the same φ to the last bit', () => {
  before(async () => {
    const observer = { grown: (round: number) => void grown.push(round) };
    expected = await withFolder((folder) => trainSmall(folder, { threads: 1, observer }, FLAGS));
    // the tests below are of a run whose horizon grows midway
    assert.equal(grown.length, 2);
    assert.ok(grown[0]! > 4 && grown[1]! < SMALL_ROUNDS - 4, `${grown}`);
  });

  it('with 3 threads', async (context) => {
    assert.equal(await trainSmall(temporaryFolder(context), { threads: 3 }, FLAGS), expected);
  });

  for (const name of Object.keys(FLAGS).filter((flag) => flag !== 'patience')) {
    it(`and another one without --${name}`, async (context) => {
      const { [name as keyof typeof FLAGS]: _left, ...others } = FLAGS;
      // what is not said, the family advises
      const without = name === 'second-derivatives' ? { ...others, [name]: false } : others;
      assert.notEqual(await trainSmall(temporaryFolder(context), {}, without), expected);
    });
  }

  it('and another one with all shards together', async (context) => {
    assert.notEqual(await trainSmall(temporaryFolder(context), {}, { ...FLAGS, episodes: 'together' }), expected);
  });

  it('with threads terminated at random moments, whose shards are replayed', async (context) => {
    const { hash, replayed } = await trainTerminated(temporaryFolder(context), FLAGS, 0.3);
    assert.equal(hash, expected);
    assert.ok(replayed > 0, 'nothing was replayed');
  });

  it('interrupted after any round and resumed', async (context) => {
    const folder = temporaryFolder(context);
    const random = seededRandom(3);
    let hash = '';
    for (let round = 0; round < SMALL_ROUNDS; ) {
      const stop = new AbortController();
      const until = round + 1 + Math.floor(random() * 12);
      const observer = {
        round(record: { round: number }) {
          round = record.round;
          if (round >= until) stop.abort();
        },
      };
      hash = await trainSmall(folder, { signal: stop.signal, observer }, FLAGS);
    }
    assert.equal(hash, expected);
  });

  // the record of the decision is not written, or is and nothing that follows
  for (const step of ['before-append', 'half-append', 'after-append', 'after-broadcast', 'after-checkpoint']) {
    it(`killed at step ${step} of the rounds in which the horizon grows, and after, and resumed`, async (context) => {
      const folder = temporaryFolder(context);
      for (const round of [grown[0]!, grown[0]! + 2, grown[1]!, grown[1]! + 3]) {
        const { signal, stderr } = await startProcess([CRASHING, folder, step, String(round), JSON.stringify(FLAGS)])
          .ended;
        assert.equal(signal, 'SIGKILL', stderr);
      }
      assert.equal(await trainSmall(folder, {}, FLAGS), expected);
      const kept = await journalledGrowth(folder);
      // what lies before the last checkpoint may have been dropped
      assert.deepEqual(kept, grown.slice(grown.length - kept.length));
    });
  }
});
