/**
 * TensorBoard's event files: scalars at every round, and histograms of φ's tensors at every held-out evaluation. The
 * messages are those of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import type { Aside } from '../../shared/aside.js';
import { GrowingFile } from '../../shared/files.js';
import { phiTensors } from '../../shared/phi.js';
import { cutBack, type StoredRow } from './cut-back.js';
import { type Histogram, histogramOf } from './histogram.js';
import { double, doubles, fieldsOf, float, integer, message, text } from './protobuf.js';
import type { EvaluationRow, Kept, ReportFile, RoundRow } from './report.js';
import { encodeRecord, recordsOf } from './tf-record.js';

/** TensorBoard recognizes event files by "tfevents" in the name. */
const PREFIX = 'events.out.tfevents.';
/** Our own files: other programs append a host name to the number. */
const NAME = /^events\.out\.tfevents\.\d{10}$/;

/** The events that were cut off: a name that TensorBoard passes over. */
const CUT = 'events.bin';

/** Prefix of the tags of evaluations. */
const HELD_OUT = 'held-out/';

/** The event files of a run's folder: one for each start of the run, as TensorBoard expects. */
export class EventFiles implements ReportFile {
  readonly #folder: string;
  readonly #architecture: ArchitectureConfig;
  readonly #now: () => number;
  #file: GrowingFile | undefined;

  /** @param now clock for the events' time stamps, in milliseconds since 1970 */
  constructor(folder: string, architecture: ArchitectureConfig, now: () => number = Date.now) {
    this.#folder = folder;
    this.#architecture = architecture;
    this.#now = now;
  }

  open(round: number, term: number, aside?: Aside): Kept {
    const onCut = (events: Buffer) => aside?.append(CUT, events);
    const evaluations = new Set<number>();
    let lastRound = 0;
    for (const name of readdirSync(this.#folder).filter((file) => NAME.test(file))) {
      const kept = cutBack(join(this.#folder, name), { round, rowsOf: eventsOf, onCut });
      for (const evaluation of kept.evaluations) evaluations.add(evaluation);
      lastRound = Math.max(lastRound, kept.lastRound);
    }
    // TensorBoard reads files by name, and terms increase; the next start reuses a term that journalled nothing
    const path = join(this.#folder, `${PREFIX}${String(term).padStart(10, '0')}`);
    this.#file = new GrowingFile(path);
    if (statSync(path).size === 0) this.#append(0, text(EVENT.fileVersion, 'brain.Event:2'));
    // makes a running TensorBoard discard the events that were cut off
    if (round > 0) this.#append(round + 1, message(EVENT.sessionLog, integer(SESSION_LOG.status, START)));
    return { lastRound, evaluations };
  }

  round(row: RoundRow): void {
    this.#append(
      row.round,
      summary(
        scalar('train/meta-loss', row.metaLoss),
        scalar('train/final-loss', row.finalLoss),
        scalar('train/learning-rate', row.learningRate),
        scalar('train/gradient-norm', row.gradientNorm),
        scalar('train/healthy-problems', row.healthy),
        scalar('train/rounds-per-second', row.seconds === null ? null : 1 / row.seconds),
      ),
    );
  }

  evaluation({ evaluation, sum, final, divergenceRate }: EvaluationRow, phi: Float32Array): void {
    this.#append(
      evaluation,
      summary(
        scalar(`${HELD_OUT}sum`, sum.mean),
        scalar(`${HELD_OUT}final`, final.mean),
        scalar(`${HELD_OUT}divergence-rate`, divergenceRate),
        ...phiTensors(this.#architecture).map(({ name, offset, length }) =>
          value(`phi/${name}`, histogram(histogramOf(phi.subarray(offset, offset + length)))),
        ),
      ),
    );
  }

  close(): void {
    this.#file?.close();
  }

  #append(step: number, content: Uint8Array): void {
    const event = [double(EVENT.wallTime, this.#now() / 1000), integer(EVENT.step, step), content];
    this.#file!.append(encodeRecord(Buffer.concat(event)));
  }
}

/** Field numbers. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SESSION_LOG = { status: 1 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2, histogram: 5 } as const;
const HISTOGRAM = { minimum: 1, maximum: 2, count: 3, sum: 4, sumOfSquares: 5, limits: 6, counts: 7 } as const;

/** SessionLog.SessionStatus. */
const START = 1;

function summary(...values: readonly Uint8Array[]): Uint8Array {
  return message(EVENT.summary, ...values);
}

function value(tag: string, content: Uint8Array): Uint8Array {
  return message(SUMMARY.value, text(VALUE.tag, tag), content);
}

/** Empty if there is no finite number to show. */
function scalar(tag: string, number: number | null): Uint8Array {
  if (number === null || !Number.isFinite(number)) return new Uint8Array(0);
  return value(tag, float(VALUE.simpleValue, number));
}

function histogram({ minimum, maximum, count, sum, sumOfSquares, limits, counts }: Histogram): Uint8Array {
  return message(
    VALUE.histogram,
    double(HISTOGRAM.minimum, minimum),
    double(HISTOGRAM.maximum, maximum),
    double(HISTOGRAM.count, count),
    double(HISTOGRAM.sum, sum),
    double(HISTOGRAM.sumOfSquares, sumOfSquares),
    doubles(HISTOGRAM.limits, limits),
    doubles(HISTOGRAM.counts, counts),
  );
}

/** The events of a file: rounds, evaluations, or neither. */
function* eventsOf(bytes: Buffer): Generator<StoredRow> {
  for (const { start, end, data } of recordsOf(bytes)) {
    const [tag] = find(data, EVENT.summary, SUMMARY.value, VALUE.tag);
    const [step = 0] = find(data, EVENT.step) as number[];
    if (tag === undefined) yield { start, end };
    else if (tag.toString().startsWith(HELD_OUT)) yield { start, end, evaluation: step };
    else yield { start, end, round: step };
  }
}

/** The values of a field; with more field numbers, those of the fields nested in it. */
function find(data: Buffer, field: number, ...inwards: number[]): (number | Buffer)[] {
  const values = [...fieldsOf(data)].filter((found) => found.field === field).map((found) => found.value);
  const [inner, ...further] = inwards;
  if (inner === undefined) return values;
  return values.flatMap((inside) => find(inside as Buffer, inner, ...further));
}
