import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { chunksOf } from '../../coordinator/evaluation.js';
import { Evaluations } from '../../coordinator/evaluations.js';
import { evaluation, inShort } from '../fixtures/actions.js';

const [A, B] = [
  { id: 'a', address: 'a' },
  { id: 'b', address: 'b' },
];
const NOW = 100;

/** φ_n, evaluated over twelve steps. */
function phi(round: number) {
  return { round, phi: Float32Array.of(0.5), horizon: 12 };
}

describe('Evaluations', () => {
  let evaluations: Evaluations;

  /** Chunks come; what is done then. */
  function add(...messages: ReturnType<typeof evaluation>[]): string[] {
    return inShort(messages.flatMap((message) => evaluations.add(message, [A, B], NOW).actions));
  }

  beforeEach(() => {
    // four chunks of two functions
    evaluations = new Evaluations({
      term: 3,
      config: { seed: 0, member: 0 },
      chunks: chunksOf(8, 2),
      doubledShare: 0,
      patience: 10,
    });
  });

  it('begin() spreads the chunks of a φ over the workers, once', () => {
    const ordered = evaluations.begin(phi(5), [A, B], NOW);
    assert.deepEqual(inShort(ordered), ['a: evaluate φ 5 chunks 0,2', 'b: evaluate φ 5 chunks 1,3']);
    const chunks = [1, 3].map((chunk) => ({ chunk, count: 2 }));
    const message = { type: 'evaluate', term: 3, round: 5, phi: Float32Array.of(0.5), horizon: 12, chunks } as const;
    assert.deepEqual(ordered[1], { type: 'send', worker: 'b', message });
    assert.deepEqual(evaluations.begin(phi(5), [A, B], NOW), []);
    assert.deepEqual(evaluations.begin(phi(10), [], NOW), []);
    assert.deepEqual(inShort(evaluations.orderAll([A])), ['a: evaluate φ 10 chunks 0,1,2,3']);
  });

  it('add() gives the scores when the last chunk comes, whoever sent which and how often', () => {
    const evaluated = phi(5);
    evaluations.begin(evaluated, [A, B], NOW);
    assert.deepEqual(
      add(
        evaluation('a', 5, 0),
        evaluation('a', 5, 0),
        evaluation('a', 5, 3),
        evaluation('b', 5, 3),
        evaluation('b', 5, 1),
      ),
      [],
    );
    // not with another number of functions, nor for a φ that is not evaluated
    assert.deepEqual(add(evaluation('a', 5, 2, 1), evaluation('a', 4, 2)), []);
    const scored = evaluations.add(evaluation('a', 5, 2), [A, B], NOW).actions;
    assert.deepEqual(inShort(scored), ['scored: φ 5 over 12 steps, 1.5']);
    assert.ok(scored[0]!.type === 'scored' && scored[0]!.phi === evaluated.phi);
    assert.deepEqual(add(evaluation('a', 5, 2)), []);
    assert.deepEqual(evaluations.orderAll([A, B]), []);
  });

  it('orderAll() orders what is missing from those who work now', () => {
    evaluations.begin(phi(5), [A], NOW);
    add(evaluation('a', 5, 1));
    assert.deepEqual(inShort(evaluations.orderAll([A, B])), ['a: evaluate φ 5 chunks 0,3', 'b: evaluate φ 5 chunks 2']);
    assert.deepEqual(evaluations.orderAll([]), []);
  });

  it('tick() orders what has not come for a while from others than before', () => {
    evaluations.begin(phi(5), [A, B], NOW);
    assert.deepEqual(evaluations.tick([A, B], NOW + 9), []);
    assert.deepEqual(inShort(evaluations.tick([A, B], NOW + 10)), [
      'a: evaluate φ 5 chunks 1,3',
      'b: evaluate φ 5 chunks 0,2',
    ]);
    // with twice the patience from then on
    assert.deepEqual(evaluations.tick([A, B], NOW + 29), []);
    assert.equal(evaluations.tick([A, B], NOW + 30).length, 2);
  });

  it('begin() gives up what was begun for an earlier φ', () => {
    evaluations.begin(phi(5), [A], NOW);
    evaluations.begin(phi(10), [A], NOW);
    assert.deepEqual(add(...[0, 1, 2, 3].map((chunk) => evaluation('a', 5, chunk))), []);
    assert.deepEqual(add(...[0, 1, 2, 3].map((chunk) => evaluation('a', 10, chunk))), [
      'scored: φ 10 over 12 steps, 1.5',
    ]);
  });
});
