import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIGHT, type Palette } from '../../coordinator/report/palette.js';
import type { Picture } from '../../coordinator/report/picture.js';
import { importanceFigure } from '../../coordinator/report/sweep/importance-figure.js';
import { lineage, stretchesOf } from '../../coordinator/report/sweep/lineage.js';
import { memberCurves, sampled } from '../../coordinator/report/sweep/member-curves.js';
import { parallelCoordinates } from '../../coordinator/report/sweep/parallel-coordinates.js';
import {
  bestTrial,
  compared,
  parametersAt,
  type ReportedSweep,
  ranked,
} from '../../coordinator/report/sweep/reported-sweep.js';
import { slices } from '../../coordinator/report/sweep/slices.js';
import { reportedPlan, trialWith } from '../fixtures/reported-sweep.js';

/** Trial 2 ran in full; trial 0 has a better value after fewer rounds; trial 3 failed. */
function sweep(): ReportedSweep {
  return {
    plan: reportedPlan(),
    trials: [
      trialWith(0, 'pruned', { 10: 3 }, { 'learning-rate': 0.001, unroll: 5 }),
      trialWith(1, 'complete', { 10: 8, 100: 7 }, { 'learning-rate': 0.1, unroll: 20 }),
      trialWith(2, 'complete', { 10: 9, 100: 4 }, { 'learning-rate': 0.01, unroll: 10 }),
      trialWith(3, 'fail', { 10: null }, { 'learning-rate': 0.05, unroll: 5 }),
    ],
  };
}

const NAMES = ['learning-rate', 'unroll'];

function drawn(picture: Pick<Picture, 'draw'>, size: readonly [number, number] = [960, 520], palette: Palette = LIGHT) {
  return picture.draw({ id: 'a', size, palette });
}

/** The attributes of every element of a kind. */
function elementsOf(svg: string, kind: string): Map<string, string>[] {
  return [...svg.matchAll(new RegExp(`<${kind} ([^>]*)>`, 'g'))].map(
    ([, attributes]) =>
      new Map([...attributes!.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!])),
  );
}

function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

/** What is drawn as a line of a colour: its points. */
function linesOf(svg: string, colour: string): { points: [number, number][]; dash: string | undefined }[] {
  const elements = [...elementsOf(svg, 'path'), ...elementsOf(svg, 'polyline')];
  return elements
    .filter((element) => element.get('stroke') === colour && element.get('fill') === 'none')
    .map((element) => ({
      points: [...(element.get('d') ?? element.get('points')!).matchAll(/(-?[\d.]+)[ ,](-?[\d.]+)/g)].map(
        ([, x, y]) => [Number(x), Number(y)],
      ),
      dash: element.get('stroke-dasharray'),
    }));
}

describe('bestTrial()', () => {
  it('is the best of those that got furthest, whatever others had after fewer rounds', () => {
    assert.equal(bestTrial(sweep())!.number, 2);
    assert.deepEqual(
      ranked(sweep()).map(({ number }) => number),
      [0, 2, 1, 3],
    );
    const largest = { ...sweep(), plan: reportedPlan({ metric: { name: 'score', goal: 'maximize' } }) };
    assert.equal(bestTrial(largest)!.number, 1);
  });

  it('is none where no trial has a finite value', () => {
    assert.equal(bestTrial({ plan: reportedPlan(), trials: [trialWith(0, 'fail', { 10: null })] }), undefined);
    assert.equal(bestTrial({ plan: reportedPlan(), trials: [] }), undefined);
  });
});

describe('compared()', () => {
  it('takes values after the last round that three of four trials have reached', () => {
    const { round, values } = compared(sweep())!;
    // the one that failed has none
    assert.deepEqual([round, values.map(({ value }) => value)], [10, [3, 8, 9]]);
    const full = { trials: sweep().trials.slice(1, 3) };
    assert.deepEqual(
      compared(full)!.values.map(({ value }) => value),
      [7, 4],
    );
    assert.equal(compared({ trials: [] }), null);
  });

  it('has the parameters of the segment that reported', () => {
    const [first] = sweep().trials;
    const segments = [
      { parameters: { unroll: 5 }, from: null },
      { parameters: { unroll: 20 }, from: { trial: 1, segment: 0, round: 10 } },
    ];
    const forked = { history: { ...first!.history, segments } };
    assert.deepEqual([parametersAt(forked, 10), parametersAt(forked, 11)], [{ unroll: 5 }, { unroll: 20 }]);
  });
});

describe('memberCurves()', () => {
  it('draws the best trial thick and solid, and the others by how they ended in colour and dash', async () => {
    const picture = memberCurves(sweep())!;
    const svg = await drawn(picture);
    const [black, orange, blue] = LIGHT.lines;
    const [best] = elementsOf(svg, 'path').filter(
      (path) => path.get('stroke') === black && path.get('stroke-width') === '3.5' && path.get('fill') === 'none',
    );
    assert.ok(best);
    assert.deepEqual(
      linesOf(svg, orange!).map(({ dash, points }) => [dash, points.length]),
      [['5,3', 2]],
    );
    assert.deepEqual(
      linesOf(svg, blue!).map(({ dash, points }) => [dash, points.length]),
      [[undefined, 3]],
    );
    assert.ok(textsOf(svg).includes('trial 2'));
    assert.equal(
      picture.description,
      'The curves of 4 trials: 2 complete, 1 stopped early, 1 failed. The best, trial 2, has score 90 at round 0 and 4 at round 100. The others end between 3 and 7.',
    );
    assert.match(picture.legend!.text, /best trial.*complete.*stopped early/s);
    assert.doesNotMatch(picture.legend!.text, /failed/);
  });

  it('keeps a page small however many trials there are', async () => {
    const reports = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [index + 1, 1000 - index]));
    const trials = Array.from({ length: 200 }, (_, number) => trialWith(number, 'complete', reports));
    const svg = await drawn(memberCurves({ plan: reportedPlan({ rounds: 1000 }), trials })!);
    assert.equal(linesOf(svg, LIGHT.lines[2]!).length, 199);
    assert.ok(svg.length < 300_000, `${svg.length}`);
  });

  it('is none where no trial has a finite value', () => {
    assert.equal(memberCurves({ plan: reportedPlan(), trials: [trialWith(0, 'fail', { 10: null })] }), undefined);
  });
});

describe('sampled()', () => {
  it('keeps the first and the last point', () => {
    const points = Array.from({ length: 100 }, (_, round) => ({ round, value: round }));
    const few = sampled(points, 5).map(({ round }) => round);
    assert.deepEqual(few, [0, 25, 50, 74, 99]);
    assert.equal(sampled(points, 100).length, 100);
  });
});

describe('parallelCoordinates()', () => {
  it('leads a line through the places of every trial, on logarithmic axes where the domain is', async () => {
    const picture = parallelCoordinates(sweep(), NAMES)!;
    const svg = await drawn(picture, [960, 440]);
    const texts = textsOf(svg);
    for (const text of ['learning-rate (log)', 'unroll', 'score (log)', '0.001', '0.1', '5', '10', '20']) {
      assert.ok(texts.includes(text), `${text} of ${texts.join(', ')}`);
    }
    const best = linesOf(svg, LIGHT.lines[0]!).find(({ points }) => points.length === 3)!;
    const stopped = linesOf(svg, LIGHT.lines[1]!).find(({ points }) => points.length === 3)!;
    const complete = linesOf(svg, LIGHT.lines[2]!).find(({ points }) => points.length === 3)!;
    // 0.001, 0.01 and 0.1 lie evenly on a logarithmic axis, the choices 5, 10 and 20 on theirs
    for (const axis of [0, 1]) {
      const [low, middle, high] = [stopped, best, complete].map(({ points }) => points[axis]![1]);
      assert.ok(Math.abs(middle! - (low! + high!) / 2) < 1, `${low} ${middle} ${high}`);
      assert.ok(low! > high!);
    }
    assert.match(picture.description, /^The best trial, 2, has learning-rate 0\.01, unroll 10, and score 4\./);
    assert.match(
      picture.description,
      /The three with the best values have learning-rate 0\.001 to 0\.1, unroll 5 or 10 or 20\.$/,
    );
  });

  it('has the trial that failed end before the last axis', async () => {
    const svg = await drawn(parallelCoordinates(sweep(), NAMES)!, [960, 440]);
    const failed = linesOf(svg, LIGHT.lines[4]!);
    assert.deepEqual(
      failed.map(({ points }) => points.length),
      [2],
    );
  });

  it('lays its axes one above the other on a phone', async () => {
    const svg = await drawn(parallelCoordinates(sweep(), NAMES)!, [390, 210]);
    const { points } = linesOf(svg, LIGHT.lines[0]!).find((line) => line.points.length === 3)!;
    assert.ok(points[0]![1] < points[1]![1] && points[1]![1] < points[2]![1], JSON.stringify(points));
  });
});

describe('importanceFigure()', () => {
  it('has a bar for every parameter, in proportion to its share', async () => {
    // the learning rate alone decides
    const trials = Array.from({ length: 40 }, (_, number) => {
      const rate = 0.001 * 100 ** (number / 39);
      return trialWith(number, 'complete', { 100: rate }, { 'learning-rate': rate, unroll: [5, 10, 20][number % 3]! });
    });
    const picture = importanceFigure({ plan: reportedPlan(), trials })!;
    const svg = await drawn(picture, [960, 100]);
    const shares = [...picture.description.matchAll(/(\S+) (\d+) %/g)].map(([, name, share]) => [name, Number(share)]);
    assert.equal(shares[0]![0], 'learning-rate');
    assert.ok((shares[0]![1] as number) > 80, picture.description);
    const widths = elementsOf(svg, 'path')
      .filter((path) => path.get('fill') === LIGHT.lines[2])
      .map((path) => {
        const [, from, to] = /M([\d.]+) [\d.]+(?:l|L)([\d.]+)/.exec(path.get('d')!)!;
        return path.get('d')!.includes('l') ? Number(to) : Number(to) - Number(from);
      });
    assert.equal(widths.length, 2);
    assert.ok(widths[0]! > 800 && widths[1]! < 200, `${widths}`);
    assert.doesNotMatch(picture.caption, /hint/);
  });

  it('says that few trials are a hint, and is none of one trial', () => {
    assert.match(
      importanceFigure(sweep())!.caption,
      /of 3 trials after round 10\. With so few trials this is only a hint/,
    );
    assert.equal(importanceFigure({ plan: reportedPlan(), trials: sweep().trials.slice(0, 1) }), undefined);
  });
});

describe('slices()', () => {
  it('has a mark for every trial with a value, of another shape for every way to end', async () => {
    const [rate] = slices(sweep(), NAMES);
    const svg = await drawn(rate!, [310, 240]);
    const fills = elementsOf(svg, 'path').map((path) => path.get('fill'));
    assert.equal(fills.filter((fill) => fill === LIGHT.lines[0]).length, 1);
    assert.equal(fills.filter((fill) => fill === LIGHT.lines[2]).length, 1);
    const hollow = elementsOf(svg, 'path').filter((path) => path.get('stroke') === LIGHT.lines[1]);
    assert.deepEqual(
      hollow.map((path) => path.get('fill')),
      ['none'],
    );
    assert.equal(
      rate!.description,
      'The 3 trials with a value have learning-rate 0.001 to 0.1 and score from 3 to 7; the best 3 have learning-rate 0.001 to 0.1.',
    );
  });

  it('is none where no trial has a value', () => {
    assert.deepEqual(slices({ plan: reportedPlan(), trials: [trialWith(0, 'fail', { 10: null })] }, NAMES), []);
  });
});

describe('lineage()', () => {
  /** Trial 1 became a copy of trial 0 after round 50, and trial 0 one of that copy after round 80. */
  const forked: ReportedSweep = {
    plan: reportedPlan(),
    trials: [
      trialWith(0, 'complete', { 50: 5, 80: 4, 100: 1 }, undefined, [{ trial: 1, segment: 1, round: 80 }]),
      trialWith(1, 'complete', { 50: 9, 80: 3, 100: 2 }, undefined, [{ trial: 0, segment: 0, round: 50 }]),
      trialWith(2, 'complete', { 50: 6, 80: 6, 100: 6 }),
    ],
  };

  it('follows the best trial back to where its φ began', () => {
    const stretches = stretchesOf(forked.trials, bestTrial(forked));
    assert.deepEqual(
      stretches.map(({ trial, segment, from, to, ancestorUntil }) => [trial, segment, from, to, ancestorUntil]),
      [
        [0, 0, 0, 80, 50],
        [0, 1, 80, 100, 100],
        [1, 0, 0, 50, null],
        [1, 1, 50, 100, 80],
        [2, 0, 0, 100, null],
      ],
    );
  });

  it('says who was copied, and draws a row for every trial', async () => {
    const picture = lineage(forked)!;
    assert.equal(
      picture.description,
      'The 3 trials were replaced by copies of others 2 times; trial 0 was copied most, 1 time. The best φ, of trial 0, is that of trial 0 to round 50, then trial 1 to round 80, then trial 0 to round 100.',
    );
    const svg = await drawn(picture, [960, 150]);
    for (const text of ['0', '1', '2', 'round', 'trial']) assert.ok(textsOf(svg).includes(text), text);
    // three stretches and two copies
    const thick = elementsOf(svg, 'path').filter((path) => path.get('stroke-width') === '3.5');
    assert.equal(thick.length, 5);
    assert.match(picture.numbers.text, /<th scope="row">50<\/th><td>1<\/td><td>0<\/td>/);
  });

  it('is none where no trial was copied', () => {
    assert.equal(lineage(sweep()), undefined);
  });
});
