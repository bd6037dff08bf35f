import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, encode } from '../../shared/codec.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import { checkAnnouncement, MessageChecker } from '../../shared/message-check.js';
import type { ToCoordinator, ToWorker } from '../../shared/messages.js';
import { phiLength } from '../../shared/phi.js';
import { isPlainText } from '../../shared/plain-text.js';
import { ShapeError } from '../../shared/shape.js';
import { seededRandom } from '../e2e/harness.js';
import { announcementOf } from '../fixtures/messages.js';
import { NO_CURRICULUM, runConfig } from '../fixtures/run-config.js';

// 5 shards of 2 problems
const CONFIG = runConfig({
  shards: 5,
  problemOptions: { dimension: 3, kind: 'normal', scales: [1, 2] },
  dataHashes: { a: 'b' },
  curriculum: { ...NO_CURRICULUM, horizons: [50] },
});
const DIGEST = digestOf(CONFIG);
const LENGTH = phiLength(CONFIG.architecture);
const WORKER = 'host-1_b';

function vector(): Float32Array {
  return Float32Array.from({ length: LENGTH }, (_, i) => i - 3.5);
}

const NODE = { level: 1, index: 1, metaGradient: vector(), loss: 1.5, finalLoss: -2, healthy: 3, problems: 4 };

/** One of every message, all fields set. */
const TO_COORDINATOR: ToCoordinator[] = [
  { type: 'hello', worker: WORKER, incarnation: 0, threads: 2, fingerprint: 'x', protocol: 3, digest: DIGEST },
  {
    type: 'heartbeat',
    worker: WORKER,
    incarnation: 7,
    ranges: [{ first: 1, end: 3 }],
    copies: [{ level: 0, index: 4 }],
  },
  { type: 'goodbye', worker: WORKER, error: 'why' },
  { type: 'result', worker: WORKER, digest: DIGEST, round: 9, node: NODE, replayed: 0 },
  {
    type: 'evaluation',
    worker: WORKER,
    digest: DIGEST,
    round: 0,
    scores: {
      chunk: 1,
      initial: Float64Array.of(1, 2),
      sum: Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY),
      final: Float64Array.of(3, 4),
    },
  },
  { type: 'vote', worker: WORKER, digest: DIGEST, round: 9, node: { level: 1, index: 2 }, hash: 'a'.repeat(64) },
];

const TO_WORKER: ToWorker[] = [
  announcementOf('mine', { term: 2, round: 6, config: CONFIG }),
  { type: 'refuse', worker: WORKER, reason: 'no' },
  {
    type: 'order',
    term: 1,
    round: 3,
    ranges: [
      { first: 0, end: 2 },
      { first: 4, end: 5 },
    ],
    copies: [{ level: 1, index: 1 }],
  },
  { type: 'phi', term: 1, round: 0, phi: vector() },
  { type: 'evaluate', term: 1, round: 5, phi: vector(), chunks: [{ chunk: 0, count: 2 }] },
  { type: 'finished' },
  { type: 'rejoin' },
  { type: 'phi', term: 1, round: 9, grown: [4], phi: vector() },
  announcementOf('mine', {
    grown: [4],
    config: CONFIG,
    keys: { sign: `${'s'.repeat(42)}A`, agree: `${'a'.repeat(42)}A` },
  }),
  { type: 'evaluate', term: 1, round: 5, phi: vector(), horizon: 50, chunks: [{ chunk: 0, count: 2 }] },
];

/** What a checker makes of a message. */
function check(checker: MessageChecker, message: ToCoordinator | ToWorker): unknown {
  return checkAs(checker, message, message);
}

/** What a checker makes of a value in place of a message, which tells the direction. */
function checkAs(checker: MessageChecker, message: ToCoordinator | ToWorker, value: unknown): unknown {
  const received = decode(encode(value));
  const down = TO_WORKER.some(({ type }) => type === message.type);
  return down ? checker.toWorker(received) : checker.toCoordinator(received);
}

/** The paths to all values within a value, as lists of keys. */
function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, [...path, key]))];
}

/** A copy of a value with another one at a path. */
function withAt(value: unknown, [key, ...rest]: string[], other: unknown): unknown {
  if (key === undefined) return other;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = withAt(copy[key], rest, other);
  return copy;
}

describe('MessageChecker', () => {
  it('takes every message as it was sent, and leaves out what no message has', () => {
    for (const checker of [new MessageChecker('mine', CONFIG), new MessageChecker('mine')]) {
      for (const message of [...TO_COORDINATOR, ...TO_WORKER]) {
        assert.deepEqual(check(checker, message), message);
        assert.deepEqual(checkAs(checker, message, { ...message, more: 1 }), message);
      }
    }
    const { error: _, ...goodbye } = TO_COORDINATOR[2] as { type: 'goodbye'; worker: string; error: string };
    assert.deepEqual(check(new MessageChecker('mine'), goodbye), goodbye);
  });

  it('throws ShapeError, which names the place, where any field is missing or something else', () => {
    const junk = [
      undefined,
      Number.NaN,
      -1,
      1.5,
      10n,
      {},
      [{}],
      new Uint8Array(3),
      new Float32Array(1),
      'with a space',
    ];
    let tried = 0;
    for (const message of [...TO_COORDINATOR, ...TO_WORKER]) {
      for (const path of pathsIn(message)) {
        for (const other of junk) {
          const changed = withAt(message, path, other);
          if (path.at(-1) === 'error' && other === undefined) continue;
          if (typeof other === 'string' && ['error', 'reason', 'fingerprint'].includes(path.at(-1) ?? '')) continue;
          if ((other === -1 || other === 1.5) && ['loss', 'finalLoss'].includes(path.at(-1) ?? '')) continue;
          // outside the digest, and possibly none
          if (path.at(-1) === 'folders' && String(other) === '[object Object]' && !Array.isArray(other)) continue;
          tried += 1;
          assert.throws(
            () => checkAs(new MessageChecker('mine', CONFIG), message, changed),
            ShapeError,
            `${message.type}.${path.join('.')} as ${String(other)}`,
          );
        }
      }
    }
    assert.ok(tried > 500, `${tried}`);
  });

  it('throws ShapeError for sizes that this run does not have, and for what is not finite', () => {
    const checker = new MessageChecker('mine', CONFIG);
    const [, , , result, evaluation] = TO_COORDINATOR as [unknown, unknown, unknown, ToCoordinator, ToCoordinator];
    const [, , order, phi, evaluate] = TO_WORKER as [unknown, unknown, ToWorker, ToWorker, ToWorker];
    const changed = (message: ToCoordinator | ToWorker, path: string, other: unknown) =>
      [message, withAt(message, path.split('.'), other)] as const;
    const scores = (functions: number) => new Float64Array(functions);
    const spoilt = vector();
    spoilt[LENGTH - 1] = Number.POSITIVE_INFINITY;
    const wrong = [
      changed(result, 'node.metaGradient', new Float32Array(LENGTH + 1)),
      changed(result, 'node.metaGradient', new Float64Array(LENGTH)),
      changed(result, 'node.metaGradient', spoilt),
      changed(result, 'node.loss', Number.NaN),
      changed(result, 'node.level', 4),
      changed(result, 'node.index', 3), // shards 6 and 7
      changed(result, 'node.problems', 3),
      changed(result, 'node.healthy', 5),
      changed(result, 'round', 0),
      changed(evaluation, 'scores.sum', new Float64Array(1)),
      changed(evaluation, 'scores.final', new Float64Array(3)),
      changed(evaluation, 'scores', { chunk: 0, initial: scores(3), sum: scores(3), final: scores(3) }),
      changed(order, 'ranges', [{ first: 2, end: 6 }]),
      changed(order, 'ranges', [{ first: 2, end: 2 }]),
      changed(phi, 'phi', new Float32Array(LENGTH - 1)),
      changed(phi, 'phi', spoilt),
      changed(evaluate, 'phi', spoilt),
      changed(evaluate, 'chunks', [{ chunk: 0, count: 3 }]),
      changed(evaluate, 'horizon', 51),
      changed(phi, 'grown', [4, 8]),
      changed(phi, 'grown', [0]),
    ];
    for (const [message, value] of wrong) {
      assert.throws(() => checkAs(checker, message, value), ShapeError, JSON.stringify(value));
    }
    // the last node of a level covers what is left: one shard of two problems
    const last = withAt(result, ['node'], { ...NODE, level: 2, index: 1, problems: 2, healthy: 2 }) as ToCoordinator;
    assert.deepEqual(check(checker, last), last);
  });

  it('throws ShapeError for a configuration that no run can have, whatever its digest', () => {
    const checker = new MessageChecker('mine');
    for (const change of [
      { seed: -1 },
      { shards: 0 },
      { shards: 1.5 },
      { shards: 2 ** 40 },
      { problem: 7 },
      { problemOptions: { a: { b: 1 } } },
      { problemOptions: { a: [1, '2'] } },
      { problemOptions: [] },
      { architecture: { ...CONFIG.architecture, type: 'other' } },
      { architecture: { ...CONFIG.architecture, layers: [0] } },
      { architecture: { ...CONFIG.architecture, layers: Array(65).fill(1) } },
      { architecture: { ...CONFIG.architecture, preprocessing: 'other' } },
      { outer: { ...CONFIG.outer, clip: null } },
      { outer: {} },
      { strict: 1 },
      { longestUnroll: 2 },
      { longestHorizon: 2 },
      { stagger: 1 },
      { estimator: { ...CONFIG.estimator, lossWeights: 'first' } },
      { estimator: { ...CONFIG.estimator, type: 'other' } },
      { estimator: { ...CONFIG.estimator, slopeLimit: -1 } },
      { estimator: {} },
      { estimator: null },
      { curriculum: { ...NO_CURRICULUM, horizons: Array(65).fill(1) } },
      { augmentation: {} },
      {
        estimator: { ...CONFIG.estimator, secondDerivatives: true },
        architecture: { ...CONFIG.architecture, preprocessing: 'both' },
      },
      { initialPhi: 'abc' },
      { engine: 'x'.repeat(65) },
      { dataHashes: { file: 1 } },
    ]) {
      const config = { ...CONFIG, ...change } as unknown as RunConfig;
      const announce: ToWorker = announcementOf('mine', { round: 6, config });
      assert.throws(() => check(checker, announce), ShapeError, JSON.stringify(change));
    }
  });

  it('makes what strangers say safe to show', () => {
    const said = 'no\u001b[2J\u001b]0;title\u0007 \u202ethread\nRound 9 is done\u009b31m';
    const plain = 'no thread Round 9 is done';
    const checker = new MessageChecker('mine', CONFIG);
    const [hello, , goodbye] = TO_COORDINATOR as [ToCoordinator, unknown, ToCoordinator];
    for (const [message, field] of [
      [hello, 'fingerprint'],
      [goodbye, 'error'],
      [TO_WORKER[1]!, 'reason'],
    ] as const) {
      const checked = checkAs(checker, message, { ...message, [field]: said });
      assert.deepEqual(checked, { ...message, [field]: plain });
    }
  });

  it('throws ShapeError, itself safe to show, for a configuration with control characters', () => {
    const evil = 'quadratic\u001b[31m\u009b2J\u202e';
    for (const change of [
      { version: evil },
      { problem: evil },
      { problemOptions: { kind: evil } },
      { problemOptions: { [evil]: 1 } },
      { folders: { folder: evil } },
      { engine: evil },
      { dataHashes: { a: evil } },
      { dataHashes: { [evil]: 'b' } },
      { architecture: { ...CONFIG.architecture, type: evil } },
      { architecture: { ...CONFIG.architecture, preprocessing: evil } },
    ]) {
      const config = { ...CONFIG, ...change } as unknown as RunConfig;
      const announce: ToWorker = announcementOf('mine', { round: 6, config });
      assert.throws(
        () => check(new MessageChecker('mine'), announce),
        (error) => error instanceof ShapeError && isPlainText(error.message),
        JSON.stringify(change),
      );
    }
  });

  it('learns the sizes of a run from its announcement', () => {
    const checker = new MessageChecker('mine');
    const short: ToWorker = { type: 'phi', term: 1, round: 1, phi: new Float32Array(3) };
    assert.deepEqual(check(checker, short), short);
    check(checker, TO_WORKER[0]!);
    assert.throws(() => check(checker, short), ShapeError);
    assert.deepEqual(check(checker, TO_WORKER[3]!), TO_WORKER[3]);
  });

  it('takes the announcement of its run only, with the digest of its configuration', () => {
    const announce = TO_WORKER[0]!;
    for (const wrong of [
      { ...announce, run: 'other' },
      { ...announce, digest: 'a'.repeat(64) },
      { ...announce, config: { ...CONFIG, seed: 2 } },
    ]) {
      assert.throws(() => checkAs(new MessageChecker('mine'), announce, wrong), ShapeError);
    }
    assert.equal(checkAnnouncement(decode(encode({ ...announce, run: 'other' }))).run, 'other');
    const config = { ...CONFIG, later: 1 };
    assert.throws(
      () => checkAnnouncement({ ...announce, config, digest: digestOf(config) }),
      /must have the options of this version, and it has others/,
    );
  });

  it('throws nothing but ShapeError for what noise decodes to', () => {
    const random = seededRandom(8);
    const checker = new MessageChecker('mine', CONFIG);
    let decoded = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = encode([...TO_COORDINATOR, ...TO_WORKER][i % 14]);
      for (let changes = 1 + Math.floor(3 * random()); changes > 0; changes--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(256 * random());
      }
      let value: unknown;
      try {
        value = decode(bytes);
      } catch {
        continue; // decode() promises no more than to throw
      }
      decoded += 1;
      for (const shape of [() => checker.toCoordinator(value), () => checker.toWorker(value)]) {
        try {
          shape();
        } catch (error) {
          assert.ok(error instanceof ShapeError, String(error));
          assert.ok(error.message.length < 500, error.message);
        }
      }
    }
    assert.ok(decoded > 1000, `${decoded}`);
  });
});
