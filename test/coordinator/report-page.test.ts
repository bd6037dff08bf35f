import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tableOf, verdictOf } from '../../coordinator/report/comparison-table.js';
import { evaluationPage } from '../../coordinator/report/evaluation-page.js';
import { readEvaluation, writeEvaluation } from '../../coordinator/report/evaluation-report.js';
import { svgFile } from '../../coordinator/report/figure.js';
import { HistoryReader } from '../../coordinator/report/history.js';
import { learningCurves } from '../../coordinator/report/learning-curves.js';
import { html, Markup } from '../../coordinator/report/markup.js';
import { type RunReport, runPage } from '../../coordinator/report/run-page.js';
import { FileError } from '../../shared/errors.js';
import { comparedOptimizer, curveFrom, evaluationReport } from '../fixtures/evaluation-report.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { runConfig } from '../fixtures/run-config.js';

/** The page's text, without markup. */
function textOf(page: string): string {
  const body = page.slice(page.indexOf('<body>'));
  return body
    .replace(/<wbr>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

function runReport(changes: Partial<RunReport> = {}): RunReport {
  const config = runConfig();
  return {
    config,
    digest: 'abc123',
    history: historyOf(4),
    state: { round: 4, plannedRounds: 4, fingerprint: 'engine of a test' },
    commands: { repeat: ['lopt train again'], compare: 'lopt train --compare', evaluate: undefined },
    ...changes,
  };
}

/** Rounds of the small configuration, two of them an episode, evaluated at the start and at the end. */
function historyOf(rounds: number, evaluateEvery = rounds) {
  const reader = new HistoryReader(runConfig());
  const evaluate = (evaluation: number) => {
    const part = { mean: 50 / (1 + evaluation), standardError: 0.5, median: 1 };
    reader.add(JSON.stringify({ evaluation, sum: part, final: part, divergenceRate: 0 }));
  };
  evaluate(0);
  for (let round = 1; round <= rounds; round++) {
    const line = { round, metaLoss: 10 + (round % 7), healthy: 8, problems: 8, learningRate: 0.001, skipped: false };
    reader.add(JSON.stringify({ ...line, seconds: 0.01, replayed: 0 }));
    if (round % evaluateEvery === 0) evaluate(round);
  }
  return reader.history();
}

describe('html``', () => {
  it('escapes what is inserted, in text and in attributes, and leaves markup alone', () => {
    const nasty = `<script>&"'`;
    assert.equal(
      html`<p title="${nasty}">${nasty}</p>`.text,
      '<p title="&lt;script&gt;&amp;&quot;&#39;">&lt;script&gt;&amp;&quot;&#39;</p>',
    );
    assert.equal(html`${new Markup('<b>')}${[html`<i>${1}</i>`, '<']}`.text, '<b><i>1</i>&lt;');
  });
});

describe('verdictOf()', () => {
  const learned = comparedOptimizer('learned', 10, 0.5, null);

  it('says whether the learned optimizer is ahead of the best by each number', () => {
    const slow = comparedOptimizer('sgd', 20, 0.4, null);
    const fast = comparedOptimizer('adam', 15, 0.75, null);
    assert.equal(
      verdictOf([learned, fast]),
      'The learned optimizer is ahead of every tuned hand-designed one: sum 10 against 15 (adam), final 0.5 against 0.75 (adam).',
    );
    assert.equal(
      verdictOf([learned, slow, fast]),
      'The learned optimizer is ahead of the tuned hand-designed ones in part: sum 10 against 15 (adam), final 0.5 against 0.4 (sgd).',
    );
    assert.equal(
      verdictOf([comparedOptimizer('learned', 15, 0.5, null), slow, fast]),
      'The learned optimizer is not ahead of the best tuned hand-designed one: sum 15 against 15 (adam), final 0.5 against 0.4 (sgd).',
    );
  });

  it('never calls a φ ahead whose mean is not finite', () => {
    const lost = { ...learned, sum: { ...learned.sum, mean: null }, final: { ...learned.final, mean: null } };
    assert.match(verdictOf([lost, learned]), /^The learned optimizer is not ahead .*: sum - against 10/);
  });
});

describe('tableOf()', () => {
  it('has a line for every optimizer, in columns', () => {
    const [head, first, second] = tableOf([
      comparedOptimizer('learned', 10, 0.5, null),
      comparedOptimizer('sgd', 20, 1e-5, null),
    ]).split('\n');
    assert.match(head!, /^optimizer +sum f\(θ_t\) +at rate +final f\(θ_T\) +median +log10 +at rate +diverged$/);
    assert.match(first!, /^learned +10 ± 0.1 +- +0.5 ± 0.005 +0.5 +-0.30 +- +25.0 %$/);
    assert.match(second!, /^sgd +20 ± 0.2 +0.1 +1.00e-5 ± 1.00e-7 +1.00e-5 +-5.00 +0.1 +25.0 %$/);
  });
});

describe('learningCurves()', () => {
  it('draws what has a curve, says so in words, and pairs every hand-designed optimizer with the learned one', () => {
    const report = evaluationReport();
    const lost = comparedOptimizer('rprop', 1, 1, null);
    const { all, pairs } = learningCurves({ ...report, optimizers: [...report.optimizers, lost] })!;
    assert.deepEqual(
      all.chart.lines.map(({ name }) => name),
      ['learned', 'sgd', 'adam'],
    );
    assert.deepEqual(all.chart.lines[1]!.points[2], { x: 2, y: 1, low: 0.5, high: 2 });
    assert.equal(
      all.description,
      'The median loss is 8 at step 0. At step 2 it is, lowest first: learned 0.25, sgd 1, adam 3.',
    );
    assert.match(
      all.caption,
      /1,000 fresh functions.*50 other functions\. The scale is logarithmic\. No learning rate gave rprop a finite loss\.$/,
    );
    assert.deepEqual(
      pairs.map(({ title, chart }) => [title, chart.lines.map(({ style }) => style), chart.y === all.chart.y]),
      [
        ['learned and sgd', [0, 1], true],
        ['learned and adam', [0, 2], true],
      ],
    );
  });

  it('gives a linear axis where losses are negative, and lets what diverges leave the chart', () => {
    const of = (...medians: (number | null)[][]) =>
      learningCurves(
        evaluationReport({
          optimizers: medians.map((curve, index) => comparedOptimizer(`o${index}`, 1, 1, curveFrom(curve))),
        }),
      )!.all;
    const negative = of([8, 2, -4]);
    assert.equal(negative.chart.y!.kind, 'linear');
    assert.match(negative.caption, /linear/);
    const diverging = of([8, 2, 1], [8, 1e20, null]);
    // ten times the upper quartile at the start, and a margin
    assert.ok(diverging.chart.y!.max < Math.log10(250));
    assert.match(diverging.description, /o0 1, o1 not finite\.$/);
  });

  it('is nothing where no optimizer has a curve', () => {
    assert.equal(
      learningCurves(evaluationReport({ optimizers: [comparedOptimizer('learned', 1, 1, null)] })),
      undefined,
    );
  });
});

describe('svgFile()', () => {
  it('is a picture with a name, a description and a ground of its own', async () => {
    const svg = await svgFile(learningCurves(evaluationReport({ problem: 'a<b' }))!.all);
    assert.match(
      svg,
      /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 960 520" width="960" height="520" role="img" /,
    );
    assert.ok(svg.includes('<title id="chart-title">Learning curves on a&lt;b</title>'));
    assert.ok(svg.includes('lowest first: learned 0.25, sgd 1, adam 3.</desc>'));
    assert.ok(svg.includes('<rect width="960" height="520" fill="#ffffff"/>'));
    assert.ok(!svg.includes('var('));
  });
});

describe('evaluationPage()', () => {
  it('shows verdict, table, settings and command, every name escaped', async () => {
    const report = evaluationReport({ problem: '<img src=x>', problemOptions: { path: '"&' } });
    report.optimizers.push(comparedOptimizer('<script>', 90, 9, curveFrom([8, 8, 8])));
    const page = await evaluationPage(report, "lopt eval 'a<b'");
    assert.ok(!page.includes('<script') && !page.includes('<img'));
    const text = textOf(page);
    for (const shown of [
      verdictOf(report.optimizers),
      'φ on &lt;img src=x&gt;',
      'sgd 20 ± 0.2 0.1 0.75 ± 0.0075',
      'problemOptions.path &quot;&amp;',
      'phi f00d',
      'lopt eval &#39;a&lt;b&#39;',
    ]) {
      assert.ok(text.includes(shown), shown);
    }
    // the best of a column
    assert.match(page, /<th scope="row">learned<\/th><td class="best">10 ± 0.1<\/td>/);
    assert.match(page, /<th scope="row">sgd<\/th><td>20 ± 0.2<\/td>/);
  });

  it('names every part of every picture by a name of its own', async () => {
    const page = await evaluationPage(evaluationReport(), 'lopt eval');
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!);
    assert.equal(new Set(ids).size, ids.length);
    const used = [...page.matchAll(/(?:url\(#|aria-labelledby="|aria-describedby=")([^")]*)[")]/g)].map(
      ([, id]) => id!,
    );
    assert.ok(used.length > 10);
    for (const id of used) assert.ok(ids.includes(id), id);
  });
});

describe('runPage()', () => {
  it('without an evaluation says how to get one', async () => {
    const page = await runPage(runReport());
    const text = textOf(page);
    assert.ok(text.includes('Not compared yet: lopt train --compare compares φ with'), text);
    for (const id of ['meta-loss', 'held-out-sum', 'held-out-final', 'learning-rate']) {
      assert.ok(page.includes(`<figure id="${id}">`), id);
    }
    assert.ok(!page.includes('learning-curves'));
    for (const shown of [
      'φ trained on quadratic, 4 rounds',
      'Best held-out sum 10 ± 0.5 at round 4',
      'Unhealthy problems none in 32 windows',
      'The same bits again lopt train again',
      'digest abc123',
      'engineFingerprint engine of a test',
      'outer.learningRate 0.01',
    ]) {
      assert.ok(text.includes(shown), shown);
    }
  });

  it('with an evaluation shows its curves and its table, and says where it is of an earlier φ', async () => {
    const evaluation = evaluationReport();
    const same = await runPage(runReport({ evaluation, phi: 'f00d' }));
    assert.ok(textOf(same).includes(verdictOf(evaluation.optimizers)));
    assert.ok(same.includes('<figure id="learning-curves">'));
    assert.ok(!same.includes('earlier φ'));
    const other = await runPage(runReport({ evaluation, phi: 'beef' }));
    assert.ok(textOf(other).includes('This comparison is of an earlier φ of this run. lopt train --compare makes it'));
  });

  it('shows what it can of a run that has hardly begun', async () => {
    const history = new HistoryReader(runConfig()).history();
    const state = { round: 0, plannedRounds: null, fingerprint: null };
    const page = await runPage(runReport({ history, state }));
    assert.ok(!page.includes('<figure'));
    const text = textOf(page);
    for (const shown of ['Rounds 0 (not planned yet)', 'To resume', 'Best held-out sum none yet']) {
      assert.ok(text.includes(shown), shown);
    }
  });

  it('counts what went bad', async () => {
    const history = {
      ...historyOf(4),
      unhealthyWindows: 3,
      unhealthyRounds: 2,
      skippedRounds: 1,
      replayed: 5,
      badLines: 6,
    };
    const text = textOf(await runPage(runReport({ history })));
    for (const shown of [
      'left out of 3 of 32 windows, in 2 rounds',
      'Skipped rounds 1',
      'Windows computed again 5, after lost threads or workers',
      'Left out 6 lines of the metrics',
    ]) {
      assert.ok(text.includes(shown), shown);
    }
  });

  it('stays below a megabyte after 25 000 rounds', async () => {
    const evaluation = evaluationReport();
    const steps = Array.from({ length: 201 }, (_, t) => 8 / (1 + t));
    evaluation.optimizers = evaluation.optimizers.map((row) => ({ ...row, curve: curveFrom(steps) }));
    const page = await runPage(runReport({ history: historyOf(25_000, 1), evaluation }));
    assert.ok(page.length < 1e6, `${page.length}`);
    assert.ok(page.includes('median of neighbouring episodes') && page.includes('median of neighbouring evaluations'));
  });
});

describe('writeEvaluation() and readEvaluation()', () => {
  it('reads back what was written, and refuses what lopt did not write', (context) => {
    const path = join(temporaryFolder(context), 'evaluation.json');
    const report = evaluationReport();
    writeEvaluation(path, report);
    assert.deepEqual(readEvaluation(path), report);
    const [row] = report.optimizers;
    for (const wrong of [
      'no json',
      'null',
      '{}',
      JSON.stringify({ ...report, functions: '10' }),
      JSON.stringify({ ...report, optimizers: [null] }),
      JSON.stringify({ ...report, optimizers: [{ ...row, curve: undefined }] }),
      JSON.stringify({ ...report, optimizers: [{ ...row, sum: { mean: 'x' } }] }),
      JSON.stringify({ ...report, optimizers: [{ ...row, curve: { ...row!.curve, median: [1] } }] }),
    ]) {
      writeFileSync(path, wrong);
      assert.throws(
        () => readEvaluation(path),
        (error) =>
          error instanceof FileError && error.message.startsWith(`Cannot read the evaluation from ${path}: it must be`),
        wrong,
      );
    }
  });
});
