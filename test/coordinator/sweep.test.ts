import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Method, SchedulerPlan } from '../../coordinator/population/plan.js';
import { runSweep } from '../../coordinator/population/sweep.js';
import { Ledger } from '../../coordinator/population/trial-log/ledger.js';
import { FileError } from '../../shared/errors.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { planOf, reportedIn, SCHEDULERS, sweepAt, TickingRunner, timelessLines } from '../fixtures/sweeps.js';
import { ToyRunner, toyPlan } from '../fixtures/toy-population.js';

const SYNCHRONOUS: readonly SchedulerPlan['type'][] = ['none', 'successive-halving', 'hyperband', 'pbt'];
const METHODS: readonly Method[] = ['random', 'tpe'];

for (const type of SYNCHRONOUS) {
  for (const method of METHODS) {
    describe(`runSweep() with ${type} and ${method}`, () => {
      // enough that the estimator is used
      const plan = planOf(SCHEDULERS[type], { method, trials: method === 'tpe' ? 16 : 9 });

      it('writes the same lines in whatever order the runs end', async (test) => {
        const folder = temporaryFolder(test);
        const logs = [];
        for (const seed of [null, 1, 2, 3, 4, 5]) {
          const path = join(folder, `${seed}.jsonl`);
          const runner = new TickingRunner(seed);
          const { finished } = await sweepAt(path, plan, runner);
          assert.ok(finished && runner.mostAtOnce <= plan.parallel);
          if (seed !== null) assert.equal(runner.mostAtOnce, plan.parallel);
          logs.push(timelessLines(path));
        }
        for (const log of logs.slice(1)) assert.deepEqual(log, logs[0]);
      });
    });
  }
}

for (const [type, scheduler] of Object.entries(SCHEDULERS)) {
  describe(`runSweep() with ${type}, cut and resumed`, () => {
    it('comes to the same end from any line on, and runs nothing again whose report is there', async (test) => {
      const folder = temporaryFolder(test);
      const whole = join(folder, 'whole.jsonl');
      // the log of a population is long
      const plan = planOf(scheduler, type === 'pbt' ? { trials: 5 } : { method: 'tpe', trials: 14 });
      // runs that end at once end in one order, which is what an asynchronous scheduler needs to decide the same
      const first = await sweepAt(whole, plan, new TickingRunner(null));
      const bytes = readFileSync(whole, 'utf8');
      const lines = bytes.split('\n').slice(0, -1);
      const cut = join(folder, 'cut.jsonl');
      for (let kept = 0; kept <= lines.length; kept++) {
        writeFileSync(
          cut,
          lines
            .slice(0, kept)
            .map((line) => `${line}\n`)
            .join(''),
        );
        const runner = new TickingRunner(null);
        const again = await sweepAt(cut, plan, runner);
        const there = reportedIn(timelessLines(whole).slice(0, kept));
        const twice = runner.runs.filter((run) => there.includes(run));
        assert.deepEqual(twice, [], `after ${kept} lines`);
        const total = there.length + runner.runs.length;
        assert.equal(total, reportedIn(timelessLines(whole)).length, `after ${kept} lines`);
        if (SYNCHRONOUS.includes(plan.scheduler.type)) {
          assert.deepEqual(timelessLines(cut), timelessLines(whole), `after ${kept} lines`);
          assert.deepEqual(again, first);
        }
        // what was there stays, to the byte
        assert.ok(readFileSync(cut, 'utf8').startsWith(lines.slice(0, kept).join('\n')));
      }
    });

    it('decides the same again on the reports of its log, whatever their order was', async (test) => {
      const folder = temporaryFolder(test);
      const path = join(folder, 'trials.jsonl');
      const plan = planOf(scheduler);
      const first = await sweepAt(path, plan, new TickingRunner(7));
      const bytes = readFileSync(path);
      const runner = new TickingRunner(8);
      assert.deepEqual(await sweepAt(path, plan, runner), first);
      assert.deepEqual(runner.runs, []);
      assert.deepEqual(readFileSync(path), bytes);
    });
  });
}

describe('runSweep()', () => {
  it('gives the best of the trials that ran in full, by the goal', async (test) => {
    const folder = temporaryFolder(test);
    const runner = new TickingRunner(null);
    const value = async (goal: 'minimize' | 'maximize') =>
      (await sweepAt(join(folder, goal), planOf({ type: 'none' }, { metric: { name: 'score', goal } }), runner)).best!;
    const [least, most] = [await value('minimize'), await value('maximize')];
    assert.ok(least.value < most.value);
    assert.notEqual(least.trial.number, 4); // which has no value
    assert.equal(least.trial.segments.length, 1);
  });

  it('has trials go on from the states of others, whose runs come after, also when it is resumed', async (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'trials.jsonl');
    const plan = toyPlan(0, { type: 'pbt', every: 20, truncation: 0.5, resample: 0.25 });
    const { best, trials } = await sweepAt(path, plan, new ToyRunner());
    const forks = trials.flatMap(({ segments }) => segments.slice(1));
    assert.equal(forks.length, 9);
    assert.ok(forks.every(({ from }) => from !== null && from.round % 20 === 0));
    assert.ok(best!.value > 0.39);
  });

  it('takes a finite seed that is swept for the trial’s own, else the sweep’s', async (test) => {
    const folder = temporaryFolder(test);
    const space = [{ name: 'seed', domain: { type: 'uniform', log: false, low: 5, high: 6, step: 1 } as const }];
    const plan = planOf({ type: 'none' }, { space, method: 'grid', trials: 2 });
    const runner = { runTo: async () => ({ value: 1 }) };
    const swept = await sweepAt(join(folder, 'a'), plan, runner);
    assert.deepEqual(
      swept.trials.map(({ seed }) => seed),
      [5, 6],
    );
    const fixed = await sweepAt(join(folder, 'b'), planOf({ type: 'none' }, { trials: 1, fixed: { seed: 9 } }), runner);
    assert.equal(fixed.trials[0]!.seed, 9);
    const neither = await sweepAt(join(folder, 'c'), planOf({ type: 'none' }, { trials: 1 }), runner);
    assert.equal(neither.trials[0]!.seed, 3);
  });

  it('rejects with a runner’s error once the other runs have ended, and goes on from there', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    const plan = planOf({ type: 'none' });
    const ticking = new TickingRunner(1);
    const failing = {
      runTo: (...[trial, round]: Parameters<TickingRunner['runTo']>) =>
        trial.number === 5 ? Promise.reject(new Error('no more memory')) : ticking.runTo(trial, round),
    };
    await assert.rejects(sweepAt(path, plan, failing), /^Error: no more memory$/);
    const there = reportedIn(timelessLines(path));
    assert.deepEqual(there, ['0:27', '1:27', '2:27', '3:27', '4:27']);
    const runner = new TickingRunner(2);
    const { finished } = await sweepAt(path, plan, runner);
    assert.ok(finished);
    assert.deepEqual(runner.runs, ['5:27', '6:27', '7:27', '8:27']);
  });

  it('begins nothing new after it is aborted, and takes the reports of what runs', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    for (const type of ['none', 'asha'] as const) {
      const controller = new AbortController();
      const ticking = new TickingRunner(3);
      const runner = {
        runTo: (...[trial, round]: Parameters<TickingRunner['runTo']>) => {
          if (ticking.runs.length === 3) controller.abort();
          return ticking.runTo(trial, round);
        },
      };
      const at = `${path}.${type}`;
      const ledger = new Ledger(at);
      const { finished } = await runSweep({
        plan: planOf(SCHEDULERS[type]),
        ledger,
        runner,
        signal: controller.signal,
      });
      ledger.close();
      assert.equal(finished, false);
      assert.equal(ticking.runs.length, 4);
      assert.deepEqual(reportedIn(timelessLines(at)).sort(), ticking.runs.toSorted());
    }
  });
});

describe('the log of a sweep', () => {
  /** A log that was cut after so many lines, and so many bytes of the next. */
  async function cutLog(path: string, kept: number, bytes = 0): Promise<string[]> {
    await sweepAt(path, planOf({ type: 'none' }), new TickingRunner(null));
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    writeFileSync(path, `${lines.slice(0, kept).join('\n')}\n${lines[kept]!.slice(0, bytes)}`);
    return lines;
  }

  const resume = (path: string, changes = {}) =>
    sweepAt(path, planOf({ type: 'none' }, changes), new TickingRunner(null));

  it('loses a torn tail, and says how much', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    const lines = await cutLog(path, 12, 20);
    const ledger = new Ledger(path);
    assert.equal(ledger.cut, 20);
    ledger.close();
    assert.ok((await resume(path)).finished);
    assert.ok(readFileSync(path, 'utf8').startsWith(`${lines.slice(0, 12).join('\n')}\n{`));
    assert.equal(timelessLines(path).length, lines.length);
  });

  it('is refused with the line’s number where it is damaged, and left as it is', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    const lines = await cutLog(path, 12);
    for (const [damage, why] of [
      ['{"op_code": 7, "trial', /line 6: /],
      ['17', /line 6: it must be an object with an "op_code"/],
      [
        '{"op_code":4,"worker_id":"another","study_id":0}',
        /line 6: another program has changed a trial or study there/,
      ],
    ] as const) {
      const text = [...lines.slice(0, 5), damage, ...lines.slice(5, 8), '{"torn'].join('\n');
      writeFileSync(path, text);
      await assert.rejects(resume(path), (error) => error instanceof FileError && why.test(error.message));
      assert.equal(readFileSync(path, 'utf8'), text);
    }
  });

  it('is refused where a line is not what the sweep would write', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    const lines = await cutLog(path, 12);
    const changed = lines[5]!.replace('"lopt:to":27', '"lopt:to":26');
    assert.notEqual(changed, lines[5]);
    writeFileSync(path, `${[...lines.slice(0, 5), changed].join('\n')}\n`);
    await assert.rejects(
      resume(path),
      /^FileError: Cannot resume the sweep: line 6 of .*trials.jsonl must be a line with the system_attrs \{"lopt:to":27\}, got \{"lopt:to":26\}$/,
    );
    const without = lines.findIndex((line) => line.includes('"step"'));
    writeFileSync(path, `${[...lines.slice(0, without), lines[4]].join('\n')}\n`);
    await assert.rejects(resume(path), /must be the report of a trial, got \{/);
    // of trial 2, whose turn it is not
    const others = lines.filter((line, i) => i < without || (i > without && line.includes('"step"')));
    writeFileSync(path, `${others.join('\n')}\n`);
    await assert.rejects(resume(path), /holds a report of trial 1 after round 27, which the sweep does not expect/);
  });

  it('of another file, or version, is refused, and left as it is', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    await cutLog(path, 12, 9);
    const before = readFileSync(path);
    await assert.rejects(
      resume(path, { digest: 'another digest' }),
      /^FileError: Cannot resume the sweep of .*trials.jsonl: the file must say what it did when the sweep began, with the digest a digest, got another digest$/,
    );
    assert.deepEqual(readFileSync(path), before);
    writeFileSync(path, before.toString('utf8').replace('"version":"', '"version":"9'));
    await assert.rejects(resume(path), /it was started by lopt 9\S+, but this is lopt \d/);
  });

  it('may hold what other programs add: notes and attributes', async (test) => {
    const path = join(temporaryFolder(test), 'trials.jsonl');
    const plan = planOf({ type: 'none' });
    await cutLog(path, 12);
    const note = { op_code: 9, worker_id: 'dashboard', trial_id: 1, system_attr: { 'dashboard:note': 'a note' } };
    appendFileSync(path, `${JSON.stringify(note)}\n`);
    await resume(path);
    const runner = new TickingRunner(null);
    assert.ok((await sweepAt(path, plan, runner)).finished);
    assert.deepEqual(runner.runs, []);
    assert.ok(readFileSync(path, 'utf8').includes('a note'));
  });
});
