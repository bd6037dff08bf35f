/** `--resume --from-round N`: a run goes back, and has the same bits at its end. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { digestOf } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import { FileJournal } from '../../shared/journal/file-journal.js';
import { loptHere } from '../fixtures/command-line.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import {
  lopt,
  reportedIn,
  SMALL_FLAGS,
  SMALL_ROUNDS,
  sha256OfFile,
  smallRun,
  startProcess,
  trainSmall,
  wordsOf,
} from './harness.js';

const CRASHING = fileURLToPath(new URL('./crashing-run.js', import.meta.url));
const ROUNDS = Array.from({ length: SMALL_ROUNDS }, (_, index) => index + 1);

describe('--from-round', () => {
  let expected = '';

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder));
  });

  it('goes back from the command line, with what is reported cut and written anew', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const begun = await lopt(['train', 'quadratic', ...wordsOf(SMALL_FLAGS), '--rounds', '43', '--out', out]);
    assert.equal(begun.code, 0, begun.stderr);
    for (const round of [30, 17, 0]) {
      const again = await lopt(['train', '--resume', '--from-round', String(round), '--out', out]);
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stdout, new RegExp(`^Going back to round ${round}\\.$`, 'm'));
      assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
      const reported = { rounds: ROUNDS, evaluations: [0, 9, 18, 27, 36, SMALL_ROUNDS] };
      assert.deepEqual(reportedIn(out), { metrics: reported, events: reported });
      // asked for once
      assert.equal('fromRound' in JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')), false);
    }
    const beyond = await lopt(['train', '--resume', '--from-round', '44', '--out', out]);
    assert.equal(beyond.code, 2);
    assert.match(beyond.stderr, /Cannot go back to round 44: it must be of rounds 0 to 43/);
    const told = () => JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<string, unknown>;
    const wrong = await lopt(['train', '--resume', '--from-round', '44', '--rounds', '99', '--out', out]);
    assert.equal(wrong.code, 2);
    // nothing is left of a command that failed
    assert.deepEqual([told()['goal'], told()['fromRound']], [{ rounds: 43 }, undefined]);
    const resumed = await lopt(['train', '--resume', '--rounds', '44', '--out', out]);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(told()['goal'], { rounds: 44 });
    const before = JSON.parse(readFileSync(join(out, 'previous', 'config.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual({ ...before, goal: { rounds: 44 } }, told());
  });

  it('is refused without --resume, and where it is no round', async (test) => {
    const folder = temporaryFolder(test);
    const fresh = await loptHere(['train', 'quadratic', '--from-round', '3', '--out', 'run'], folder);
    assert.deepEqual(
      [fresh.code, fresh.stderr.trim()],
      [2, 'Cannot train: --from-round goes back in a run, and needs --resume'],
    );
    const wrong = await loptHere(['train', '--resume', '--from-round', '-1', '--out', 'run'], folder);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /"from-round" must be/);
  });

  for (const step of ['cut-checkpoints', 'cut-journal']) {
    it(`leaves a run that can be resumed where it is killed at step ${step}`, async (test) => {
      const folder = temporaryFolder(test);
      assert.equal(await trainSmall(folder, { checkpointSeconds: 0 }), expected);
      const sizeBefore = statSync(join(folder, 'journal', 'journal-000000000000.bin')).size;
      for (const round of [42, 29, 16]) {
        const { signal, stderr } = await startProcess([CRASHING, folder, step, String(round)]).ended;
        assert.equal(signal, 'SIGKILL', stderr);
      }
      const sizeAfter = statSync(join(folder, 'journal', 'journal-000000000000.bin')).size;
      assert.equal(sizeAfter < sizeBefore, step === 'cut-journal');
      assert.equal(await trainSmall(folder), expected);
    });
  }

  it('says which rounds can be gone back to where the journal does not reach to the start', async (test) => {
    const folder = temporaryFolder(test);
    const { config } = await smallRun();
    const digest = digestOf(config);
    await trainSmall(folder, { checkpointSeconds: 0 });
    // as if the records below round 33 had been purged, with an undamaged checkpoint of round 42 alone
    const checkpoints = new Checkpoints(new FolderBlobs(join(folder, 'checkpoints')));
    const rounds = (await checkpoints.read(digest)).checkpoints.map(({ learner }) => learner.round);
    const whole = new FileJournal(join(folder, 'journal'));
    const short = temporaryFolder(test);
    const journal = new FileJournal(join(short, 'journal'));
    Object.defineProperty(journal, 'last', { get: () => 32, configurable: true });
    await journal.append(await whole.read(33));
    Reflect.deleteProperty(journal, 'last');
    for (let round = 34; round <= 43; round++) await journal.append(await whole.read(round));
    await journal.close();
    await whole.close();
    const oldest = Math.min(...rounds);
    const { checkpoints: found } = await checkpoints.read(digest);
    const others = new Checkpoints(new FolderBlobs(join(short, 'checkpoints')));
    for (const each of found.reverse()) await others.write(each);
    await assert.rejects(trainSmall(short, { fromRound: 20 }), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(
        error.message,
        `Cannot go back to round 20: it must be of rounds ${oldest} to 43, which the run can be recovered at`,
      );
      return true;
    });
    assert.equal(await trainSmall(short, { fromRound: oldest }), expected);
  });
});
