import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepsOf, windowOf, windowsPerEpisode } from '../../shared/episodes.js';

describe('windowOf()', () => {
  it('walks through episodes whose last window is short', () => {
    const shape = { horizon: 7, unroll: 3 };
    const expected = [
      { episode: 0, window: 0, steps: 3 },
      { episode: 0, window: 1, steps: 3 },
      { episode: 0, window: 2, steps: 1 },
      { episode: 1, window: 0, steps: 3 },
      { episode: 1, window: 1, steps: 3 },
      { episode: 1, window: 2, steps: 1 },
      { episode: 2, window: 0, steps: 3 },
    ];
    assert.deepEqual(
      expected.map((_, i) => windowOf(i + 1, shape)),
      expected,
    );
  });

  it('takes every inner step of every episode exactly once', () => {
    for (let horizon = 1; horizon <= 12; horizon++) {
      for (let unroll = 1; unroll <= 14; unroll++) {
        const shape = { horizon, unroll };
        const steps = [0, 0, 0];
        for (let round = 1; round <= 3 * windowsPerEpisode(shape); round++) {
          const place = windowOf(round, shape);
          assert.ok(place.steps >= 1 && place.steps <= unroll);
          assert.equal(place.window * unroll + place.steps <= horizon, true);
          steps[place.episode]! += place.steps;
        }
        assert.deepEqual(steps, [horizon, horizon, horizon]);
      }
    }
  });
});

describe('windowsPerEpisode() and stepsOf()', () => {
  it('give one window where the unroll is the horizon or longer', () => {
    assert.equal(windowsPerEpisode({ horizon: 100, unroll: 20 }), 5);
    assert.equal(windowsPerEpisode({ horizon: 20, unroll: 20 }), 1);
    assert.equal(windowsPerEpisode({ horizon: 5, unroll: 20 }), 1);
    assert.equal(stepsOf(0, { horizon: 5, unroll: 20 }), 5);
    assert.equal(stepsOf(4, { horizon: 100, unroll: 20 }), 20);
    assert.equal(stepsOf(5, { horizon: 101, unroll: 20 }), 1);
  });
});

it('windowOf() begins an episode with the first round of a run that starts from another one', () => {
  const shape = { horizon: 10, unroll: 4, start: { round: 7 } };
  assert.deepEqual(
    [8, 9, 10, 11].map((round) => windowOf(round, shape)),
    [
      { episode: 0, window: 0, steps: 4 },
      { episode: 0, window: 1, steps: 4 },
      { episode: 0, window: 2, steps: 2 },
      { episode: 1, window: 0, steps: 4 },
    ],
  );
});
