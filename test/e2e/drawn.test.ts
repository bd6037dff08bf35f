import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { configure } from '../../deploy/run/train-flags.js';
import { nativeFault } from '../../worker/devices/native/load.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { SMALL_SHAPE, trainConfig } from './harness.js';

const FLAGS = {
  ...SMALL_SHAPE,
  shards: 5,
  layers: '4',
  seed: 3,
  problems: 2,
  horizon: 10,
  unroll: 4,
  'problem.families': 'mlp=3,quadratic',
  'problem.mlp.size': 6,
  'problem.mlp.initialisation': 'fan-in',
  'problem.mlp.hidden': '3..6|4,2',
  'problem.mlp.activation': 'relu|tanh|sigmoid',
  'problem.mlp.batch': '2|5',
  'problem.mlp.permute-labels': true,
  'problem.mlp.invert-share': 0.5,
};

const GOAL = { rounds: 14 };

async function phiOf(engine: string, flags: object, threads: number, folder: string): Promise<string> {
  const { config } = await configure('Cannot test', 'mix', { ...FLAGS, ...flags, engine });
  return trainConfig(folder, config, { threads, goal: GOAL });
}

describe('a run on problems with drawn options gives the same φ to the last bit', () => {
  let expected = '';
  before(async () => {
    expected = await withFolder((folder) => phiOf('wasm', {}, 1, folder));
  });

  it('with 3 threads', async (context) => {
    assert.equal(await phiOf('wasm', {}, 3, temporaryFolder(context)), expected);
  });

  it('on the native engine', { skip: nativeFault() }, async (context) => {
    assert.equal(await phiOf('native', {}, 2, temporaryFolder(context)), expected);
  });

  it('and another one with other values', async (context) => {
    const other = { 'problem.mlp.activation': 'relu|tanh' };
    assert.notEqual(await phiOf('wasm', other, 1, temporaryFolder(context)), expected);
  });
});
