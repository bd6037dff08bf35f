import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parametersOf } from '../../coordinator/population/trial.js';
import { readHistory, type SweepHistory } from '../../coordinator/population/trial-log/history.js';
import { VERSION } from '../../shared/config.js';
import { FileError } from '../../shared/errors.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { hasPython, runPython } from '../fixtures/python.js';
import { planOf, SCHEDULERS, sweepAt, TickingRunner, timelessLines } from '../fixtures/sweeps.js';

/** What optuna_log.py prints. */
interface Study {
  name: string;
  direction: string;
  metrics: string[];
  user: Record<string, unknown>;
  best: number;
  trials: {
    number: number;
    state: string;
    params: Record<string, unknown>;
    contained: boolean;
    distributions: Record<string, string>;
    intermediate: Record<string, number>;
    values: number[] | null;
    system: Record<string, unknown>;
    seconds: boolean;
  }[];
}

const fixture = (name: string) => fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url));

/** Sweeps whose logs, and what Optuna 5.0.0 read from them, lie in test/fixtures. */
const SWEEPS = ['asha', 'pbt'] as const;

/** Holds what lopt reads from a log against what Optuna does. */
function assertSame(history: SweepHistory, study: Study): void {
  assert.equal(study.name, history.name);
  assert.equal(study.direction, history.goal);
  assert.deepEqual(study.metrics, [history.metric]);
  assert.deepEqual(study.user, { problem: 'quadratic' });
  assert.equal(study.trials.length, history.trials.length);
  for (const [number, trial] of history.trials.entries()) {
    const read = study.trials[number]!;
    assert.equal(read.state, trial.state);
    assert.deepEqual(read.params, parametersOf({ ...trial, seed: 0 }));
    assert.ok(read.contained, `trial ${number} lies in its distributions`);
    const finite = trial.reports.filter(({ value }) => value !== null);
    assert.deepEqual(read.intermediate, Object.fromEntries(finite.map(({ round, value }) => [round, value])));
    assert.deepEqual(read.values, trial.value === null ? null : [trial.value]);
    assert.equal(read.system['lopt:to'], trial.to);
    assert.ok(read.seconds);
  }
}

describe('a trial log', () => {
  for (const type of SWEEPS) {
    it(`of ${type} has the lines that Optuna read`, async (test) => {
      const path = join(temporaryFolder(test), 'trials.jsonl');
      await sweepAt(path, planOf(SCHEDULERS[type]), new TickingRunner(null));
      const lines = JSON.stringify(timelessLines(fixture(`trials_${type}.jsonl`)));
      // which was lopt 0.1.0's
      const expected: unknown = JSON.parse(lines.replace('"version":"0.1.0"', `"version":"${VERSION}"`));
      assert.deepEqual(timelessLines(path), expected);
    });

    it(`of ${type} says to lopt what it says to Optuna`, () => {
      const study = JSON.parse(readFileSync(fixture(`trials_${type}.json`), 'utf8')) as Study;
      assertSame(readHistory(fixture(`trials_${type}.jsonl`))!, study);
    });
  }

  it('is opened by the Optuna that is installed', async (test) => {
    if (!hasPython(test, 'optuna', 'scipy')) return;
    for (const [type, scheduler] of Object.entries(SCHEDULERS)) {
      const path = join(temporaryFolder(test), `${type}.jsonl`);
      const goal = type === 'median' ? 'maximize' : 'minimize';
      const plan = planOf(scheduler, { metric: { name: 'score', goal }, trials: 12, method: 'tpe' });
      const { best } = await sweepAt(path, plan, new TickingRunner(1));
      const study = runPython('optuna_log.py', path) as Study;
      assertSame(readHistory(path)!, study);
      assert.equal(study.best, best!.trial.number);
    }
  });
});

describe('readHistory()', () => {
  it('rebuilds trials, segments and results, and knows whether the sweep is over', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    const { trials } = await sweepAt(path, planOf(SCHEDULERS.pbt), new TickingRunner(2));
    const history = readHistory(path)!;
    assert.deepEqual(
      history.trials.map(({ number, segments }) => ({ number, seed: 3, segments })),
      trials,
    );
    assert.deepEqual([history.digest, history.finished, history.torn], ['a digest', true, 0]);
    assert.ok(history.trials.every(({ reports }) => reports.at(-1)!.round === 27));
    assert.equal(history.trials[4]!.why, 'it diverged');
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, `${lines.slice(0, 20).join('\n')}\n${lines[20]!.slice(0, 30)}`);
    const cut = readHistory(path)!;
    assert.deepEqual(
      [cut.finished, cut.torn, cut.trials[0]!.state, cut.trials[0]!.ended],
      [false, 30, 'running', null],
    );
  });

  it('says nothing of a log that has no line, and names the line that is damaged', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    assert.equal(readHistory(path), null);
    await sweepAt(path, planOf(SCHEDULERS.none), new TickingRunner(null));
    const count = timelessLines(path).length;
    for (const [line, why] of [
      ['{"op_code":7,"worker_id":"lopt","trial_id":77,"step":1,"intermediate_value":1}', '"trial_id" must be a trial'],
      ['{"op_code":7,"worker_id":"lopt","trial_id":0,"step":1,"intermediate_value":"1"}', 'must hold a number, got 1'],
      ['{"op_code":6,"worker_id":"lopt","trial_id":0,"state":9,"values":null}', '"state" must be a trial'],
      ['{"op_code":1,"worker_id":"lopt","study_id":0}', '"op_code" must be one that lopt writes, got 1'],
      ['{"op_code":9,"worker_id":"lopt","trial_id":0,"system_attr":3}', 'must hold an object, got 3'],
    ] as const) {
      const before = readFileSync(path);
      appendFileSync(path, `${line}\n`);
      assert.throws(
        () => readHistory(path),
        (error) =>
          error instanceof FileError && error.message.includes(`line ${count + 1}: `) && error.message.includes(why),
      );
      writeFileSync(path, before);
    }
  });
});
