import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { initialLearner } from '../../coordinator/learner.js';
import { FolderGuard, type FolderGuardOptions, goBackOrElsewhere } from '../../deploy/run/folder-guard.js';
import { RunFolder } from '../../deploy/run/run-folder.js';
import { initialPhiOf } from '../../shared/config.js';
import { FileError } from '../../shared/errors.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { runConfig } from '../fixtures/run-config.js';

const SERVER = { run: 'a', url: 'nats://host:4222' };

function guardOf(test: TestContext, options: Partial<FolderGuardOptions> = {}) {
  const folder = new RunFolder(options.folder?.path ?? temporaryFolder(test));
  const config = options.config ?? runConfig();
  const guard = new FolderGuard({ resume: 'lopt train', otherwise: goBackOrElsewhere, ...options, folder, config });
  const state = { ...initialLearner(initialPhiOf(config), config), best: null };
  const save = (round: number) => guard.saved({ ...state, round, phi: state.phi.map((value) => value + round) });
  const refused = (round: number | undefined) => {
    let message = '';
    assert.throws(
      () => guard.accept(round),
      (error) => {
        assert.ok(error instanceof FileError && error.path === folder.path);
        message = error.message;
        return true;
      },
    );
    return message;
  };
  return { folder, guard, save, refused };
}

describe('FolderGuard', () => {
  it('accepts what reaches the last save, and notes where the journal is from the start on', (test) => {
    const { folder, guard, save, refused } = guardOf(test, { server: SERVER });
    guard.accept(undefined);
    guard.started(0);
    assert.deepEqual(folder.record, { server: SERVER, resume: 'lopt train', round: 0 });
    save(7);
    for (const round of [7, 8, 100]) guard.accept(round);
    assert.equal(
      refused(6),
      `Cannot resume ${folder.path}: it got to round 7, but its journal, both as run a on NATS at nats://host:4222 and in ${folder.journal}, ends with round 6; restore one of them, compute the rounds again with --from-round 6, or begin anew in another folder`,
    );
  });

  it('names the command that the run was led by, if it is another one, and remembers the server', (test) => {
    const led = guardOf(test, { server: SERVER, resume: 'lopt coordinator' });
    led.save(9);
    const { folder, guard, save, refused } = guardOf(test, { folder: led.folder });
    assert.equal(
      refused(undefined),
      `Cannot resume ${folder.path}: it got to round 9, but its journal in ${folder.journal} is empty; go on with lopt coordinator, restore it, compute the rounds again with --from-round 0, or begin anew in another folder`,
    );
    guard.started(9);
    save(12);
    assert.deepEqual(folder.record, { server: SERVER, resume: 'lopt train', round: 12 });
  });

  it('goes by the metrics if the journal is empty, and by the last save otherwise', (test) => {
    const { folder, guard, refused } = guardOf(test);
    const row = (round: number) => `${JSON.stringify({ round, metaLoss: 1 })}\n`;
    const rows = Array.from({ length: 5000 }, (_, index) => row(index + 1)).join('');
    writeFileSync(folder.metrics, `${rows}{"evaluation":4990}\n{"round":6000,"me`);
    assert.match(refused(undefined), /: it got to round 5000, but its journal in .* is empty;/);
    // what a power failure has taken since the last save, or a record that was on the way when the process was killed
    for (const last of [0, 4999]) guard.accept(last);
    guard.started(0);
    guard.accept(0);
    assert.match(refused(undefined), /: it got to round 5000, /);
  });

  it('lets a fork begin with its round', (test) => {
    const start = { digest: 'd', round: 20, state: 's' };
    const { folder, guard, refused } = guardOf(test, { config: runConfig({ start }), otherwise: () => ['leave it'] });
    for (const last of [undefined, 20]) guard.accept(last);
    writeFileSync(folder.metrics, '{"round":21}\n');
    guard.accept(20);
    assert.match(refused(undefined), /: it got to round 21, but its journal in .* is empty; restore it, or leave it$/);
  });

  it('keeps the φ’s that it finds when it writes the first ones, and no later ones', (test) => {
    const first = guardOf(test);
    for (const round of [1, 2]) first.save(round);
    assert.ok(!readdirSync(first.folder.path).includes('previous'));
    const found = ['phi', 'last'].map((name) => readFileSync(join(first.folder.path, `${name}.safetensors`)));
    const second = guardOf(test, { folder: first.folder });
    for (const round of [3, 4]) second.save(round);
    const kept = ['phi', 'last'].map((name) =>
      readFileSync(join(first.folder.path, 'previous', `${name}.safetensors`)),
    );
    assert.deepEqual(kept, found);
  });

  it('refuses a record that is damaged', (test) => {
    const { folder, guard } = guardOf(test);
    for (const text of ['', '{', '{"resume":"x"}', '{"resume":"x","round":-1}']) {
      writeFileSync(join(folder.path, 'run.json'), text);
      assert.throws(() => guard.accept(5), { name: 'FileError', message: /: it must be as lopt wrote it;/ });
    }
  });
});
