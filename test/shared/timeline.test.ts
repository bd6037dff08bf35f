import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunConfig } from '../../shared/config.js';
import { windowOf } from '../../shared/episodes.js';
import { type ShardPlace, type Timeline, timelineAt, typicalHorizon } from '../../shared/timeline.js';
import { shuffled } from '../fixtures/draws.js';
import { runConfig } from '../fixtures/run-config.js';

type Training = Partial<Pick<RunConfig, 'stagger' | 'longestHorizon' | 'longestUnroll'>> & {
  horizons?: readonly number[];
};

function configOf({ horizons = [], ...training }: Training, changes: Partial<RunConfig> = {}): RunConfig {
  const curriculum = { horizons, patience: 3 };
  return runConfig({ horizon: 23, unroll: 5, shards: 4, curriculum, ...training, ...changes });
}

/** What a shard computes in rounds 1 to `rounds`. */
function walk(timeline: Timeline, shard: number, rounds: number): ShardPlace[] {
  return Array.from({ length: rounds }, (_, index) => timeline.placeOf(index + 1, shard));
}

/** The places by episode; each list must be windows 0, 1, … whose steps make up the horizon, but for the last episode. */
function episodesOf(places: readonly ShardPlace[]): ShardPlace[][] {
  const episodes: ShardPlace[][] = [];
  for (const place of places) {
    if (place.window === 0) episodes.push([]);
    const episode = episodes.at(-1)!;
    assert.equal(place.episode, episodes.length - 1);
    assert.equal(place.window, episode.length);
    episode.push(place);
  }
  for (const episode of episodes.slice(0, -1)) {
    const steps = episode.map((place) => place.steps);
    assert.equal(
      steps.reduce((sum, value) => sum + value),
      episode[0]!.horizon,
    );
    assert.ok(steps.slice(0, -1).every((value) => value === episode[0]!.unroll));
  }
  return episodes;
}

const OPTIONS: [name: string, training: Training, grown: number[]][] = [
  ['no options', {}, []],
  ['staggered episodes', { stagger: true }, []],
  ['drawn unrolls', { longestUnroll: 17 }, []],
  ['drawn horizons', { longestHorizon: 90 }, []],
  ['staggered episodes of drawn horizons and unrolls', { stagger: true, longestHorizon: 90, longestUnroll: 17 }, []],
  ['a curriculum', { horizons: [31, 60] }, [7, 40]],
  ['all options', { stagger: true, longestUnroll: 17, horizons: [31, 60] }, [7, 40]],
];

describe('timelineAt()', () => {
  it('places all shards where windowOf() does, without options', () => {
    const config = configOf({});
    const timeline = timelineAt(config, []);
    for (let round = 1; round <= 40; round++) {
      const { horizon, unroll } = config;
      const expected = { ...windowOf(round, config), horizon, unroll };
      for (const shard of [0, 3]) assert.deepEqual(timeline.placeOf(round, shard), expected);
    }
  });

  for (const [name, training, grown] of OPTIONS) {
    it(`takes every inner step of every episode once, with ${name}`, () => {
      const timeline = timelineAt(configOf(training), grown);
      for (let shard = 0; shard < 4; shard++) assert.ok(episodesOf(walk(timeline, shard, 90)).length > 5);
    });

    it(`gives the same places in whatever order it is asked, with ${name}`, () => {
      const config = configOf(training);
      const inOrder = timelineAt(config, grown);
      const expected = [0, 1, 2, 3].map((shard) => walk(inOrder, shard, 90));
      // a configuration of its own, since a timeline remembers how far it has walked
      const anyOrder = timelineAt({ ...config }, grown);
      for (const index of shuffled(360, 3)) {
        const round = 1 + (index % 90);
        const shard = Math.floor(index / 90);
        assert.deepEqual(anyOrder.placeOf(round, shard), expected[shard]![round - 1]);
      }
    });
  }

  it('shows every round all windows of an episode, one to a shard, where they are staggered and as many', () => {
    const timeline = timelineAt(configOf({ stagger: true }, { horizon: 100, unroll: 5, shards: 20 }), []);
    for (const round of [1, 2, 19]) assert.ok(timeline.placeOf(round, 0).window === round - 1);
    for (const round of [21, 22, 57, 1000]) {
      const windows = Array.from({ length: 20 }, (_, shard) => timeline.placeOf(round, shard).window);
      assert.deepEqual(
        windows.sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, window) => window),
      );
    }
  });

  it('draws unrolls log-uniformly, another for every seed, member, shard and episode', () => {
    const config = configOf({ longestUnroll: 32 }, { unroll: 2, horizon: 64 });
    const unrollsOf = (changes: Partial<RunConfig>, shard = 0) => {
      const episodes = episodesOf(walk(timelineAt({ ...config, ...changes }, []), shard, 20_000));
      return episodes.map(([first]) => first!.unroll);
    };
    const unrolls = unrollsOf({});
    assert.equal(Math.min(...unrolls), 2);
    assert.equal(Math.max(...unrolls), 32);
    // of U(0, 1) to the base of 16: half of the draws lie below 8, a quarter below 4, but for the rounding
    const below = (limit: number) => unrolls.filter((unroll) => unroll < limit).length / unrolls.length;
    assert.ok(Math.abs(below(7.5) - Math.log(7.5 / 2) / Math.log(16)) < 0.03, `${below(7.5)}`);
    assert.ok(Math.abs(below(3.5) - Math.log(3.5 / 2) / Math.log(16)) < 0.03, `${below(3.5)}`);
    for (const other of [unrollsOf({ seed: 2 }), unrollsOf({ member: 1 }), unrollsOf({}, 1)]) {
      assert.notDeepEqual(other.slice(0, 50), unrolls.slice(0, 50));
    }
  });

  it('draws horizons log-uniformly, another for every seed, member, shard and episode', () => {
    const config = configOf({ longestHorizon: 160 }, { unroll: 160, horizon: 10 });
    const horizonsOf = (changes: Partial<RunConfig>, shard = 0) =>
      walk(timelineAt({ ...config, ...changes }, []), shard, 20_000).map(({ horizon }) => horizon);
    const horizons = horizonsOf({});
    assert.deepEqual([Math.min(...horizons), Math.max(...horizons)], [10, 160]);
    // half of the draws lie below the geometric mean of the ends, which scores are taken over
    const below = (limit: number) => horizons.filter((horizon) => horizon < limit).length / horizons.length;
    assert.equal(typicalHorizon(config), 40);
    assert.ok(Math.abs(below(39.5) - Math.log(39.5 / 10) / Math.log(16)) < 0.02, `${below(39.5)}`);
    assert.ok(Math.abs(below(19.5) - Math.log(19.5 / 10) / Math.log(16)) < 0.02, `${below(19.5)}`);
    for (const other of [horizonsOf({ seed: 2 }), horizonsOf({ member: 1 }), horizonsOf({}, 1)]) {
      assert.notDeepEqual(other.slice(0, 50), horizons.slice(0, 50));
    }
    // and independent of the unroll's
    const unrolls = walk(timelineAt(configOf({ longestUnroll: 160 }, { unroll: 10, horizon: 160 }), []), 0, 50);
    assert.notDeepEqual(
      unrolls.map(({ unroll }) => unroll),
      horizons.slice(0, 50),
    );
  });

  it('cuts the first episode of a staggered shard by its share of the windows that it drew', () => {
    const config = configOf({ stagger: true, longestHorizon: 400 }, { horizon: 100, unroll: 10, shards: 8 });
    const together = timelineAt({ ...config, stagger: false }, []);
    const staggered = timelineAt(config, []);
    for (let shard = 0; shard < 8; shard++) {
      const drawn = together.placeOf(1, shard).horizon;
      const cut = Math.floor((shard * Math.ceil(drawn / 10)) / 8);
      assert.equal(staggered.placeOf(1, shard).horizon, drawn - 10 * cut);
      // later episodes are whole
      const second = Math.ceil(drawn / 10) - cut + 1;
      const { episode, window, horizon } = staggered.placeOf(second, shard);
      assert.deepEqual([episode, window], [1, 0]);
      assert.equal(horizon, together.placeOf(Math.ceil(drawn / 10) + 1, shard).horizon);
    }
  });

  it('begins episodes with the horizon that has grown by then, and lets open ones end with theirs', () => {
    const config = configOf({ horizons: [31, 60] }, { horizon: 20 });
    const horizons = (grown: number[]) => walk(timelineAt(config, grown), 0, 24).map(({ horizon }) => horizon);
    assert.deepEqual(horizons([]), Array(24).fill(20));
    // after round 8 an episode begins, so it is long; after round 15 a window of it is left
    assert.deepEqual(horizons([8, 14]), [...Array(8).fill(20), ...Array(7).fill(31), ...Array(9).fill(60)]);
    // another history of the run
    assert.deepEqual(horizons([9]), [...Array(12).fill(20), ...Array(12).fill(31)]);
  });

  it('oldestStart() is the first round of the oldest episode that is open', () => {
    const config = configOf({ stagger: true, longestUnroll: 17, horizons: [31, 60] });
    const timeline = timelineAt(config, [7, 40]);
    for (const round of [1, 5, 30, 31, 70]) {
      const starts = [0, 1, 2, 3].map((shard) => round - timeline.placeOf(round, shard).window);
      assert.equal(timelineAt(config, []).oldestStart(1), 1);
      assert.equal(timeline.oldestStart(round), Math.min(...starts));
    }
  });
});
