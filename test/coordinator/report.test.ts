import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Scores } from '../../coordinator/evaluation.js';
import type { RoundMeasures } from '../../coordinator/observer.js';
import { EventFiles } from '../../coordinator/report/event-files.js';
import { MetricsFile } from '../../coordinator/report/metrics.js';
import { type EvaluationRow, type RoundRow, RunReport } from '../../coordinator/report/report.js';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { Aside } from '../../shared/aside.js';
import { FileError } from '../../shared/errors.js';
import { phiLength } from '../../shared/phi.js';
import { readEventFiles, readEvents } from '../fixtures/event-reader.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { recordOf } from '../fixtures/records.js';

const NETWORK: LstmConfig = { type: 'lstm', layers: [2], preprocessing: 'none', outputScale: 0.1, logAndSignP: 10 };
const MEASURES: RoundMeasures = {
  metaGradientNorm: 2,
  seconds: 0.5,
  coordinatorSeconds: 0.1,
  workers: 3,
  replayed: 4,
  duplicates: 0,
};
const STATISTICS = { mean: 3, standardError: 0.5, median: 2 };
const SCORES: Scores = { sum: STATISTICS, final: STATISTICS, divergenceRate: 0.25 };
const PHI = new Float32Array(phiLength(NETWORK)).fill(0.5);

function open(
  folder: string,
  round: number,
  term: number,
  recovered: readonly number[] = [],
  aside?: Aside,
): RunReport {
  const report = new RunReport(
    [new MetricsFile(join(folder, 'metrics.jsonl')), new EventFiles(folder, NETWORK)],
    aside,
  );
  for (const each of recovered) report.recovered(recordOf(each), 2);
  report.started(round, term);
  return report;
}

function linesIn(folder: string): (Partial<RoundRow> & Partial<EvaluationRow>)[] {
  const text = readFileSync(join(folder, 'metrics.jsonl'), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Partial<RoundRow> & Partial<EvaluationRow>);
}

/** The rounds and evaluations that stand in metrics.jsonl, and those in the event files. */
function shown(folder: string) {
  const events = readEventFiles(folder);
  const lines = linesIn(folder);
  return {
    metrics: {
      rounds: lines.flatMap(({ round }) => round ?? []),
      evaluations: lines.flatMap(({ evaluation }) => evaluation ?? []),
    },
    events: {
      rounds: events.filter(({ scalars }) => 'train/learning-rate' in scalars).map(({ step }) => step),
      evaluations: events.filter(({ scalars }) => 'held-out/sum' in scalars).map(({ step }) => step),
    },
  };
}

describe('RunReport', () => {
  it('writes a row a round and an evaluation, at once', (test) => {
    const folder = temporaryFolder(test);
    const report = open(folder, 0, 1);
    report.evaluated(0, SCORES, PHI);
    for (const round of [1, 2]) report.round(recordOf(round), MEASURES);
    const { healthy, problems, loss, finalLoss, learningRate, skipped } = recordOf(2);
    assert.deepEqual(linesIn(folder), [
      { evaluation: 0, ...SCORES },
      ...[1, 2].map((round) => ({
        round,
        metaLoss: recordOf(round).loss / round,
        finalLoss: recordOf(round).finalLoss / round,
        healthy: round,
        problems,
        learningRate,
        gradientNorm: 2,
        skipped,
        seconds: 0.5,
        workers: 3,
        replayed: 4,
      })),
    ]);
    const last = readEventFiles(folder).at(-1)!;
    assert.equal(last.step, 2);
    assert.deepEqual(last.scalars, {
      'train/meta-loss': Math.fround(loss / healthy),
      'train/final-loss': Math.fround(finalLoss / healthy),
      'train/learning-rate': Math.fround(learningRate),
      'train/gradient-norm': 2,
      'train/healthy-problems': 2,
      'train/rounds-per-second': 2,
    });
    report.close();
    report.close();
  });

  it('shows every round and evaluation once when the run goes on from an earlier round', (test) => {
    const folder = temporaryFolder(test);
    const first = open(folder, 0, 1);
    for (let round = 1; round <= 9; round++) first.round(recordOf(round), MEASURES);
    for (const evaluation of [0, 3, 6]) first.evaluated(evaluation, SCORES, PHI);
    first.close();
    // killed, its journal cut back to round 5: the evaluation of round 3 was not journalled, and comes again
    const second = open(folder, 5, 2, [4, 5]);
    for (let round = 6; round <= 8; round++) second.round(recordOf(round), MEASURES);
    for (const evaluation of [3, 6]) second.evaluated(evaluation, SCORES, PHI);
    second.close();
    const expected = { rounds: [1, 2, 3, 4, 5, 6, 7, 8], evaluations: [0, 3, 6] };
    assert.deepEqual(shown(folder), { metrics: expected, events: expected });
  });

  it('keeps the rows that it cuts off aside, until a later start cuts more than the next round off', (test) => {
    const [folder, aside] = [temporaryFolder(test), join(temporaryFolder(test), 'previous')];
    const run = (from: number, to: number, term: number) => {
      const report = open(folder, from, term, [], new Aside(aside));
      for (let round = from + 1; round <= to; round++) report.round(recordOf(round), MEASURES);
      report.evaluated(to, SCORES, PHI);
      report.close();
    };
    const kept = () => [linesIn(aside).map(({ round, evaluation }) => round ?? `evaluation ${evaluation}`), events()];
    const events = () => readEvents(readFileSync(join(aside, 'events.bin'))).map(({ step }) => step);
    run(0, 4, 1);
    run(4, 6, 2);
    // a round is told before it is journalled: this one is computed again
    run(5, 8, 3);
    assert.equal(existsSync(aside), false);
    run(3, 4, 4);
    // the first event file ends with the next round
    assert.deepEqual(kept(), [
      [4, 'evaluation 4', 5, 6, 7, 8, 'evaluation 8'],
      [5, 6, 7, 8, 8],
    ]);
    run(3, 3, 5);
    assert.deepEqual(linesIn(aside).length, 7);
    run(1, 1, 6);
    assert.deepEqual(kept()[0], [2, 3, 'evaluation 3']);
  });

  it('makes the rows that a killed run left out from the journal', (test) => {
    const folder = temporaryFolder(test);
    const first = open(folder, 0, 1);
    for (let round = 1; round <= 3; round++) first.round(recordOf(round), MEASURES);
    first.close();
    open(folder, 5, 2, [2, 3, 4, 5]).close();
    const rounds = [1, 2, 3, 4, 5];
    assert.deepEqual(shown(folder), { metrics: { rounds, evaluations: [] }, events: { rounds, evaluations: [] } });
    const [third, fourth] = linesIn(folder).slice(2);
    assert.equal(third!.seconds, 0.5);
    const { metaLoss, gradientNorm, seconds, workers, replayed } = fourth!;
    assert.deepEqual(
      { metaLoss, gradientNorm, seconds, workers, replayed },
      {
        metaLoss: recordOf(4).loss / 4,
        gradientNorm: 2,
        seconds: null,
        workers: null,
        replayed: null,
      },
    );
  });

  it('fills in each file what that one lacks, a torn row included', (test) => {
    const folder = temporaryFolder(test);
    const first = open(folder, 0, 1);
    for (let round = 1; round <= 4; round++) first.round(recordOf(round), MEASURES);
    first.close();
    const events = join(folder, 'events.out.tfevents.0000000001');
    truncateSync(events, readFileSync(events).length - 5);
    const metrics = join(folder, 'metrics.jsonl');
    const [one, two] = readFileSync(metrics, 'utf8').split('\n');
    writeFileSync(metrics, `${one}\n${two}\n`);
    appendFileSync(metrics, '{"round":3,"meta');
    open(folder, 4, 2, [1, 2, 3, 4]).close();
    const rounds = [1, 2, 3, 4];
    assert.deepEqual(shown(folder), { metrics: { rounds, evaluations: [] }, events: { rounds, evaluations: [] } });
    assert.deepEqual(
      linesIn(folder).map(({ seconds }) => seconds),
      [0.5, 0.5, null, null],
    );
  });

  it('shows no mean where no problem was healthy', (test) => {
    const folder = temporaryFolder(test);
    const report = open(folder, 0, 1);
    report.round({ ...recordOf(1), healthy: 0 }, MEASURES);
    report.close();
    const [{ metaLoss, finalLoss }] = linesIn(folder) as [RoundRow];
    assert.deepEqual([metaLoss, finalLoss], [null, null]);
    assert.equal('train/meta-loss' in readEventFiles(folder).at(-1)!.scalars, false);
  });

  it('throws FileError that names the file where it cannot write', (test) => {
    const missing = join(temporaryFolder(test), 'none', 'metrics.jsonl');
    const report = new RunReport([new MetricsFile(missing)]);
    assert.throws(
      () => report.started(0, 1),
      (error) => error instanceof FileError && error.path === missing,
    );
    report.close();
  });
});
