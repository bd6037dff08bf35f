import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bestTrial } from '../../coordinator/report/sweep/reported-sweep.js';
import { type SweepReport, sweepPage } from '../../coordinator/report/sweep/sweep-page.js';
import { trialsTable } from '../../coordinator/report/sweep/trials-table.js';
import { reportedPlan, trialWith } from '../fixtures/reported-sweep.js';

function report(changes: Partial<SweepReport> = {}): SweepReport {
  return {
    plan: reportedPlan(),
    trials: [
      trialWith(0, 'pruned', { 10: 3 }),
      trialWith(1, 'complete', { 10: 8, 100: 7 }, { 'learning-rate': 0.1, unroll: 20 }),
      trialWith(2, 'complete', { 10: 9, 100: 4 }, { 'learning-rate': 0.02, unroll: 10 }),
    ],
    problem: 'quadratic',
    file: 'name: test # <script>',
    digest: 'abc',
    version: '1.2.3',
    finished: true,
    seconds: 61,
    phi: 'out/phi.safetensors',
    commands: { again: ['lopt train again'], resume: 'lopt sweep --resume' },
    ...changes,
  };
}

/** The page's text, without markup. */
function textOf(page: string): string {
  return page
    .slice(page.indexOf('<body>'))
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

/** The first cells of a table's rows. */
function rowsOf(markup: string): string[] {
  return [...markup.matchAll(/<th scope="row">([^<]*)<\/th>/g)].map(([, text]) => text!);
}

describe('sweepPage()', () => {
  it('says which trial is the best, how it is trained again, and how the sweep ended', async () => {
    const page = await sweepPage(report());
    const text = textOf(page);
    assert.match(text, /Sweep test: 3 trials of φ on quadratic/);
    assert.match(
      text,
      /The best of 3 trials is trial 2: score 4 after 100 rounds, with learning-rate 0\.02, unroll 10\./,
    );
    assert.match(page, /<pre><code>lopt train again<\/code><\/pre>/);
    assert.match(text, /Rounds computed 210, 53 % of the 400 that all trials would take in full/);
    assert.match(text, /Trials 3 of 4 begun: 2 complete, 1 stopped early/);
    assert.doesNotMatch(text, /lopt sweep --resume/);
    assert.match(page, /name: test # &lt;script&gt;/);
    assert.doesNotMatch(page, /<script|NaN|undefined|Infinity/);
    for (const id of ['member-curves', 'parallel-coordinates', 'importance', 'slice-learning-rate', 'slice-unroll']) {
      assert.ok(page.includes(`<figure id="${id}">`), id);
    }
    assert.ok(!page.includes('id="lineage"'));
  });

  it('says how to go on with a sweep that is not over', async () => {
    const trials = [trialWith(0, 'running', { 10: 5 }), trialWith(1, 'running', {})];
    const text = textOf(await sweepPage(report({ trials, finished: false, seconds: null })));
    assert.match(
      text,
      /The sweep is not over\. The best of 2 trials is trial 0: score 5 after 10 rounds, the furthest so far/,
    );
    const short = textOf(await sweepPage(report({ trials: [trialWith(0, 'pruned', { 10: 5 })] })));
    assert.match(short, /The best of 1 trial is trial 0: score 5 after 10 rounds \(none ran in full\), with/);
    assert.match(text, /To resume the sweep: lopt sweep --resume/);
    assert.match(text, /Trials 2 of 4 begun: 2 not over/);
  });

  it('has something to say of one trial, of trials that all failed, and of none', async () => {
    const one = await sweepPage(report({ trials: [trialWith(0, 'complete', { 100: 4 })] }));
    assert.match(textOf(one), /The best of 1 trial is trial 0/);
    assert.ok(!one.includes('id="importance"'));

    const lost = trialWith(0, 'fail', { 10: null });
    const failed = await sweepPage(report({ trials: [{ ...lost, why: '"engine" must be <reference>' }, lost] }));
    assert.match(textOf(failed), /No trial has a finite score\./);
    assert.match(failed, /<li>Trial 0: &quot;engine&quot; must be &lt;reference&gt;<\/li>/);
    assert.doesNotMatch(failed, /<figure|NaN|undefined|lopt train again/);

    const none = await sweepPage(report({ trials: [], finished: false, seconds: null }));
    assert.match(textOf(none), /The sweep is not over\. No trial has a value yet\./);
    assert.doesNotMatch(none, /<figure|NaN|undefined/);
  });

  it('folds slices of many parameters, and keeps the axes to those that mattered', async () => {
    const space = Array.from({ length: 12 }, (_, index) => ({
      name: `p${index}`,
      domain: { type: 'uniform', log: false, low: 0, high: 1, step: null } as const,
    }));
    const trials = Array.from({ length: 20 }, (_, number) => {
      const parameters = Object.fromEntries(space.map(({ name }, index) => [name, ((number * (index + 3)) % 20) / 20]));
      return trialWith(number, 'complete', { 100: 1 + number }, parameters);
    });
    const page = await sweepPage(report({ plan: reportedPlan({ space }), trials }));
    assert.equal(page.match(/<figure id="slice-p\d+">/g)!.length, 12);
    assert.match(page, /<summary>The other 6 parameters<\/summary>/);
    assert.match(textOf(page), /Of the 12 parameters, the 8 that mattered most are shown\./);
  });
});

describe('trialsTable()', () => {
  it('has the best trial first, then the others by value, and those without one last', () => {
    const trials = [trialWith(3, 'fail', { 10: null }), ...report().trials];
    const table = trialsTable({ plan: reportedPlan(), trials }).text;
    assert.deepEqual(rowsOf(table), ['2', '0', '1', '3']);
    assert.match(
      table,
      /<th scope="row">2<\/th><td>complete, best<\/td><td>100<\/td><td>4<\/td><td>0\.02<\/td><td>10<\/td>/,
    );
    assert.match(table, /<th scope="row">3<\/th><td>failed<\/td><td>10<\/td><td>-<\/td>/);
  });

  it('folds what is more than a screen', () => {
    const trials = Array.from({ length: 200 }, (_, number) => trialWith(number, 'complete', { 100: 200 - number }));
    const sweep = { plan: reportedPlan(), trials };
    const table = trialsTable(sweep).text;
    const [shown, folded] = table.split('<details>');
    assert.equal(rowsOf(shown!).length, 25);
    assert.equal(rowsOf(folded!).length, 175);
    assert.equal(rowsOf(shown!)[0], String(bestTrial(sweep)!.number));
    assert.match(folded!, /<summary>The other 175 trials<\/summary>/);
  });
});
