import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EventFiles } from '../../coordinator/report/event-files.js';
import { histogramOf } from '../../coordinator/report/histogram.js';
import { double, fieldsOf, integer } from '../../coordinator/report/protobuf.js';
import type { EvaluationRow, RoundRow } from '../../coordinator/report/report.js';
import { encodeRecord } from '../../coordinator/report/tf-record.js';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { readEventFiles, readEvents } from '../fixtures/event-reader.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { hasPython, runPython } from '../fixtures/python.js';

const NETWORK: LstmConfig = { type: 'lstm', layers: [1], preprocessing: 'none', outputScale: 0.1, logAndSignP: 10 };

/** event_file.json: rows, and the bytes that TensorBoard's own writer makes of them. */
interface EventFileFixture {
  now: number;
  round: number;
  term: number;
  rows: { round: RoundRow; evaluation: EvaluationRow };
  phi: number[];
  file: string;
}

function loadFixture(): EventFileFixture {
  const url = new URL('../../../test/fixtures/event_file.json', import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as EventFileFixture;
}

const FIXTURE = loadFixture();
const PHI = Float32Array.from(FIXTURE.phi);

function roundRow(round: number, changes: Partial<RoundRow> = {}): RoundRow {
  return { ...FIXTURE.rows.round, round, ...changes };
}

function evaluationRow(evaluation: number): EvaluationRow {
  return { ...FIXTURE.rows.evaluation, evaluation };
}

/** Steps with values, and with limits and counts, by tag. */
interface TensorBoardView {
  scalars: Record<string, [step: number, value: number][]>;
  histograms: Record<string, [step: number, limits: number[], counts: number[]][]>;
}

describe('EventFiles', () => {
  it("writes the bytes of TensorBoard's own writer", (test) => {
    const folder = temporaryFolder(test);
    const { now, round, term, rows, file } = FIXTURE;
    const files = new EventFiles(folder, NETWORK, () => now);
    files.open(round, term);
    files.round(rows.round);
    files.evaluation(rows.evaluation, PHI);
    files.close();
    const [name] = readdirSync(folder);
    assert.equal(name, 'events.out.tfevents.0000000003');
    assert.equal(readFileSync(join(folder, name)).toString('hex'), Buffer.from(file, 'base64').toString('hex'));
  });

  it('leaves out what is not known or not finite', (test) => {
    const folder = temporaryFolder(test);
    const files = new EventFiles(folder, NETWORK);
    files.open(0, 1);
    files.round(roundRow(1, { metaLoss: null, finalLoss: null, gradientNorm: Number.NaN, seconds: null }));
    files.close();
    const scalars = { 'train/learning-rate': FIXTURE.rows.round.learningRate, 'train/healthy-problems': 127 };
    assert.deepEqual(readEventFiles(folder).at(-1)!.scalars, scalars);
  });

  it('starts a file whenever the run goes on, and cuts the older ones back', (test) => {
    const folder = temporaryFolder(test);
    const first = new EventFiles(folder, NETWORK);
    assert.deepEqual(first.open(0, 1), { lastRound: 0, evaluations: new Set() });
    for (let round = 1; round <= 12; round++) {
      first.round(roundRow(round));
      // an evaluation comes in some rounds after its own
      if (round % 5 === 2) first.evaluation(evaluationRow(round - 2), PHI);
    }
    first.close();

    const second = new EventFiles(folder, NETWORK);
    assert.deepEqual(second.open(7, 2), { lastRound: 7, evaluations: new Set([0, 5]) });
    for (let round = 8; round <= 9; round++) second.round(roundRow(round));
    second.close();
    // another process that ends at once
    new EventFiles(folder, NETWORK).open(9, 3);
    const last = new EventFiles(folder, NETWORK);
    assert.deepEqual(last.open(9, 3), { lastRound: 9, evaluations: new Set([0, 5]) });
    last.round(roundRow(10));
    last.close();

    assert.equal(readdirSync(folder).length, 3);
    const events = readEventFiles(folder);
    const rounds = events.filter(({ scalars }) => 'train/meta-loss' in scalars).map(({ step }) => step);
    assert.deepEqual(rounds, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const evaluations = events.filter(({ scalars }) => 'held-out/sum' in scalars).map(({ step }) => step);
    assert.deepEqual(evaluations, [0, 5]);
    const starts = events.filter(({ sessionStatus }) => sessionStatus === 1).map(({ step }) => step);
    assert.deepEqual(starts, [8, 10, 10]);
  });

  it('cuts off a torn event, and leaves the files of other programs alone', (test) => {
    const folder = temporaryFolder(test);
    const first = new EventFiles(folder, NETWORK);
    first.open(0, 1);
    first.round(roundRow(1));
    first.round(roundRow(2));
    first.close();
    const path = join(folder, 'events.out.tfevents.0000000001');
    const whole = readFileSync(path);
    const foreign = join(folder, 'events.out.tfevents.1700000000.host.1');
    for (const torn of [1, 17, 60]) {
      writeFileSync(path, whole.subarray(0, -torn));
      writeFileSync(foreign, whole);
      assert.equal(new EventFiles(folder, NETWORK).open(2, 2).lastRound, 1);
      assert.deepEqual(
        readEvents(readFileSync(path)).map(({ step }) => step),
        [0, 1],
      );
      assert.ok(readFileSync(foreign).equals(whole));
    }
  });
});

describe('TensorBoard', () => {
  it('reads every scalar and histogram of a run that was cut back and went on', (test) => {
    if (!hasPython(test, 'tensorboard')) return;
    const folder = temporaryFolder(test);
    const first = new EventFiles(folder, NETWORK);
    first.open(0, 1);
    for (let round = 1; round <= 9; round++) first.round(roundRow(round, { metaLoss: 1 / round }));
    first.evaluation(evaluationRow(0), PHI);
    first.close();
    const second = new EventFiles(folder, NETWORK);
    second.open(4, 2);
    for (let round = 5; round <= 7; round++) second.round(roundRow(round, { metaLoss: 1 / round }));
    second.evaluation(
      evaluationRow(5),
      PHI.map((value) => value / 3),
    );
    second.close();
    const { scalars, histograms } = runPython('tensorboard_read.py', folder) as TensorBoardView;
    assert.deepEqual(
      scalars['train/meta-loss'],
      [1, 2, 3, 4, 5, 6, 7].map((round) => [round, Math.fround(1 / round)]),
    );
    const view: TensorBoardView = { scalars: {}, histograms: {} };
    for (const event of readEventFiles(folder)) {
      for (const [tag, value] of Object.entries(event.scalars)) {
        view.scalars[tag] = [...(view.scalars[tag] ?? []), [event.step, value]];
      }
      for (const [tag, { limits, counts }] of Object.entries(event.histograms)) {
        view.histograms[tag] = [...(view.histograms[tag] ?? []), [event.step, limits, counts]];
      }
    }
    assert.equal(Object.keys(view.histograms).length, 4);
    assert.deepEqual({ scalars, histograms }, view);
  });
});

describe('histogramOf()', () => {
  it('counts every value once, the maximum in the last bucket', () => {
    // 30 buckets over [0, 30]: value v ≤ 29 is the lower limit of bucket v, and 30 the upper one of the last
    const { limits, counts, ...rest } = histogramOf(Float32Array.from({ length: 31 }, (_, i) => i));
    assert.deepEqual(rest, { minimum: 0, maximum: 30, count: 31, sum: 465, sumOfSquares: 9455 });
    assert.deepEqual(
      limits,
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
    assert.deepEqual(counts, [...new Array<number>(29).fill(1), 2]);
  });

  it('has one bucket for values that are all the same', () => {
    const { limits, counts } = histogramOf(Float32Array.of(-2, -2, -2));
    assert.deepEqual([limits, counts], [[-2], [3]]);
  });
});

describe('protobuf', () => {
  it('writes whole numbers as the encoding guide shows them, also beyond 32 bits', () => {
    // protobuf.dev/programming-guides/encoding: field 1 with 150 is 08 96 01
    assert.deepEqual([...integer(1, 150)], [0x08, 0x96, 0x01]);
    assert.deepEqual([...integer(16, 1)], [0x80, 0x01, 0x01]);
    for (const value of [1, 127, 128, 2 ** 31, 2 ** 35 + 1, Number.MAX_SAFE_INTEGER]) {
      assert.deepEqual([...fieldsOf(Buffer.from(integer(2, value)))], [{ field: 2, value }]);
      const event = Buffer.concat([double(1, 0.5), integer(2, value)]);
      assert.equal(readEvents(encodeRecord(event))[0]!.step, value);
    }
  });
});
