import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deadlines } from '../../coordinator/deadlines.js';

describe('Deadlines', () => {
  it('is patient until it knows the pace, then allows a multiple of the median time', () => {
    const deadlines = new Deadlines({ factor: 3, least: 0.1, first: 60 });
    deadlines.ordered('a', 2, true, 0);
    assert.deepEqual(deadlines.late(59), []);
    deadlines.finished('a', 4);
    // 2 s a window: 3 windows may take 18 s
    deadlines.ordered('b', 3, true, 10);
    assert.deepEqual(deadlines.late(27.9), []);
    assert.deepEqual(deadlines.late(28), ['b']);
  });

  it('gives whoever replays the time for it, and takes no pace from a replay', () => {
    const deadlines = new Deadlines({ factor: 2, least: 0.1 });
    deadlines.ordered('a', 1, true, 0);
    deadlines.finished('a', 1);
    deadlines.ordered('b', 11, false, 0);
    assert.deepEqual(deadlines.late(21.9), []);
    deadlines.finished('b', 21.9);
    deadlines.ordered('c', 1, true, 0);
    assert.deepEqual(deadlines.late(2), ['c']);
  });

  it('calls a worker late once a deadline, and not after it was forgotten', () => {
    const deadlines = new Deadlines({ factor: 1, least: 1 });
    deadlines.ordered('a', 1, true, 0);
    deadlines.finished('a', 0.001);
    deadlines.ordered('a', 1, true, 0);
    assert.deepEqual(deadlines.late(1), ['a']);
    assert.deepEqual(deadlines.late(1.5), []);
    deadlines.forget('a');
    assert.deepEqual(deadlines.late(100), []);
  });
});
