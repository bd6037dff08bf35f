import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Checkpoint, CheckpointFolder } from '../../coordinator/checkpoint.js';
import { initialLearner, learn } from '../../coordinator/learner.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { runConfig } from '../fixtures/run-config.js';

const CONFIG = runConfig();

/** A checkpoint whose state has everything in it. */
function checkpointOf(round: number, term = 1, digest = 'mine'): Checkpoint {
  const phi = Float64Array.of(round / 3, -0, 1e-300, Math.PI);
  const start = { ...initialLearner(phi, CONFIG), best: { round: 0, score: null, phi: Float32Array.of(1, 2, 3, 4) } };
  const sum = { gradient: Float32Array.of(1, 2, 3, 4), healthy: 3, problems: 4, loss: 1, finalLoss: 1 };
  const decisions = [{ type: 'plan', rounds: 9 } as const];
  const { state } = learn({ ...start, round: round - 1 }, { ...sum, decisions }, CONFIG, term);
  return { digest, term, learner: state };
}

describe('CheckpointFolder', () => {
  it('gives back what was written, to the bit', (test) => {
    const folder = join(temporaryFolder(test), 'made', 'here');
    const checkpoints = new CheckpointFolder(folder);
    assert.deepEqual(checkpoints.read('mine'), { checkpoints: [], damaged: [] });
    checkpoints.write(checkpointOf(7));
    const expected = { checkpoints: [checkpointOf(7)], damaged: [] };
    assert.deepEqual(checkpoints.read('mine'), expected);
    assert.deepEqual(new CheckpointFolder(folder).read('mine'), expected);
  });

  it('keeps the last two by round, then term, and never overwrites another one', (test) => {
    const folder = temporaryFolder(test);
    const checkpoints = new CheckpointFolder(folder);
    for (const [round, term] of [
      [9, 1],
      [10, 1],
      [100, 1],
      [100, 2],
      [100, 10],
    ] as const) {
      checkpoints.write(checkpointOf(round, term));
    }
    const { checkpoints: kept } = checkpoints.read('mine');
    assert.deepEqual(kept, [checkpointOf(100, 10), checkpointOf(100, 2)]);
    assert.deepEqual(readdirSync(folder).sort(), ['checkpoint-000000000100-10.bin', 'checkpoint-000000000100-2.bin']);
  });

  it('skips a damaged one, torn or changed, with a sentence that names it', (test) => {
    const folder = temporaryFolder(test);
    const checkpoints = new CheckpointFolder(folder);
    checkpoints.write(checkpointOf(3));
    checkpoints.write(checkpointOf(6));
    const path = join(folder, 'checkpoint-000000000006-1.bin');
    const whole = readFileSync(path);
    const changed = Buffer.from(whole);
    changed[whole.length - 20]! ^= 1;
    for (const bytes of [
      changed,
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, 5),
      Buffer.alloc(0),
      Buffer.alloc(99),
    ]) {
      writeFileSync(path, bytes);
      const found = checkpoints.read('mine');
      assert.deepEqual(found.checkpoints, [checkpointOf(3)]);
      assert.deepEqual(found.damaged, [`Cannot read the checkpoint ${path}: it is damaged`]);
    }
  });

  it('skips one of another configuration with a sentence', (test) => {
    const folder = temporaryFolder(test);
    const checkpoints = new CheckpointFolder(folder);
    checkpoints.write(checkpointOf(3, 1, 'other'));
    checkpoints.write(checkpointOf(6));
    const found = checkpoints.read('mine');
    assert.deepEqual(found.checkpoints, [checkpointOf(6)]);
    const path = join(folder, 'checkpoint-000000000003-1.bin');
    assert.deepEqual(found.damaged, [`Cannot use the checkpoint ${path}: it is of another configuration`]);
  });

  it('leaves files of other names alone', (test) => {
    const folder = temporaryFolder(test);
    const names = ['notes.txt', 'checkpoint-1-1.bin', 'checkpoint-000000000001-1.bin.partial'];
    for (const name of names) writeFileSync(join(folder, name), 'mine');
    const checkpoints = new CheckpointFolder(folder);
    for (const round of [1, 2, 3]) checkpoints.write(checkpointOf(round));
    assert.deepEqual(
      checkpoints.read('mine').checkpoints.map(({ learner }) => learner.round),
      [3, 2],
    );
    for (const name of names.slice(0, 2)) assert.ok(existsSync(join(folder, name)), name);
  });
});
