import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { repeatCommands } from '../../deploy/run/repeat.js';
import { digestOf } from '../../shared/config.js';
import { runConfig } from '../fixtures/run-config.js';

describe('repeatCommands()', () => {
  const config = runConfig();
  const stored = (flags: Record<string, unknown>) => ({ config, digest: digestOf(config), goal: { rounds: 5 }, flags });

  it('says every flag as a word that the command line takes', () => {
    const flags = {
      'second-derivatives': false,
      strict: true,
      episodes: 'together',
      architecture: 'lstm',
      layers: [3, 4],
      horizons: [],
      'slope-limit': 0,
      'problem.folder': 'a folder',
    };
    assert.deepEqual(repeatCommands(stored(flags), { round: 5, plannedRounds: 5 }, 'out'), [
      'lopt train quadratic --second-derivatives=false --strict --episodes together --architecture lstm --layers 3,4 ' +
        "--slope-limit 0 --problem.folder 'a folder' --rounds 5",
    ]);
  });

  it('goes on with a run that is not complete', () => {
    const [first, ...others] = repeatCommands(stored({ strict: true }), { round: 4, plannedRounds: 5 }, 'out');
    assert.deepEqual([first, others], ['lopt train --resume --out out', []]);
  });
});
