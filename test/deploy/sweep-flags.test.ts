import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sweepFlags } from '../../deploy/sweep/sweep-flags.js';
import { UsageError } from '../../shared/errors.js';
import { optionNames } from '../../shared/options/table.js';

describe('sweepFlags()', () => {
  const flags = sweepFlags('quadratic');

  it('has every option of a run but the member, and those of the problem', () => {
    const names = [...flags('lasso').keys()];
    assert.deepEqual(
      names.filter((name) => !name.startsWith('problem.')),
      optionNames().filter((name) => name !== 'member'),
    );
    assert.ok(names.includes('problem.rows'));
    assert.ok(flags(null).has('problem.distribution'));
  });

  it('lets a fork change what does not decide what φ is, or what it was trained on', () => {
    const mutable = [...flags(null)].flatMap(([name, flag]) => (flag.mutable ? [name] : []));
    const expected = ['shards', 'problems', 'unroll', 'sigma', 'learning-rate', 'final-rate', 'flat', 'clip'];
    assert.deepEqual(mutable, expected);
  });

  it('checks values as a flag does, with the sentence of the flag but for its beginning', () => {
    const { check: ofLayers } = flags(null).get('layers')!;
    ofLayers!('20,20');
    ofLayers!(8);
    flags('mlp').get('problem.hidden')!.check!('16|32,32');
    assert.throws(() => flags('mlp').get('problem.hidden')!.check!('16|x'), { message: /^"hidden" must be a list/ });
    const { check: ofHorizon } = flags(null).get('horizon')!;
    ofHorizon!('100..2000');
    const longest = '"longest-horizon" must be an integer of at least 0, got "x"';
    assert.throws(() => ofHorizon!('100..x'), new UsageError(longest));
    for (const [name, value, sentence] of [
      ['layers', '0', 'be a list such as 20,20 of integers from 1 to 512, got "0"'],
      ['strict', 'yes', 'be true or false, got "yes"'],
      ['episodes', true, 'be one of staggered, together, got true'],
      ['architecture', 'gru', 'be one of lstm, mlp, got "gru"'],
      ['problem.dimension', 0, 'be an integer of at least 1, got 0'],
    ] as const) {
      const said = `"${name.replace('problem.', '')}" must ${sentence}`;
      assert.throws(() => flags(null).get(name)!.check!(value), new UsageError(said), name);
    }
  });
});
