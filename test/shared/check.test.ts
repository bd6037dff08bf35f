import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkChoice,
  checkNumber,
  checkNumbers,
  checkWeights,
  editDistance,
  type NumberRule,
  show,
  suggestion,
  weightsText,
} from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';

function assertUsage(call: () => unknown, message: string): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, message);
    return true;
  });
}

describe('checkNumber()', () => {
  it('reads numbers and their texts', () => {
    assert.equal(checkNumber('Cannot train', 'rounds', 12), 12);
    assert.equal(checkNumber('Cannot train', 'rounds', ' 12 '), 12);
    assert.equal(checkNumber('Cannot train', 'rate', '1e-3'), 0.001);
    assert.equal(checkNumber('Cannot train', 'rate', 0, { minimum: 0 }), 0);
    assert.equal(checkNumber('Cannot train', 'rate', '5', { maximum: 5, integer: true }), 5);
  });

  it('says what it must be', () => {
    const cases: [unknown, NumberRule, string][] = [
      ['x', {}, 'a number, got "x"'],
      ['', {}, 'a number, got ""'],
      ['  ', {}, 'a number, got "  "'],
      [undefined, {}, 'a number, got undefined'],
      [null, {}, 'a number, got null'],
      [true, {}, 'a number, got true'],
      [[1], {}, 'a number, got [1]'],
      [Number.NaN, {}, 'a number, got NaN'],
      ['Infinity', {}, 'a number, got "Infinity"'],
      [1.5, { integer: true }, 'an integer, got 1.5'],
      [2 ** 53, { integer: true, minimum: 0 }, 'an integer of at least 0, got 9007199254740992'],
      [0, { integer: true, minimum: 1 }, 'an integer of at least 1, got 0'],
      [0, { minimum: 0, exclusive: true }, 'a number greater than 0, got 0'],
      [2, { minimum: 0, maximum: 1 }, 'a number from 0 to 1, got 2'],
      [2, { minimum: 0, maximum: 1, exclusive: true }, 'a number greater than 0 and of at most 1, got 2'],
      [2, { maximum: 1 }, 'a number of at most 1, got 2'],
    ];
    for (const [value, rule, message] of cases) {
      assertUsage(
        () => checkNumber('Cannot train', 'rounds', value, rule),
        `Cannot train: "rounds" must be ${message}`,
      );
    }
  });
});

describe('checkWeights()', () => {
  const read = (value: unknown) => checkWeights('Cannot configure mix', 'families', value);

  it('reads text or a list, in the order of the names', () => {
    const expected = [
      ['mlp', 1],
      ['quadratic', 2.5],
    ];
    for (const value of [
      'quadratic=2.5,mlp=1',
      'mlp,quadratic=2.5',
      ' mlp , quadratic=2.5 ',
      ['quadratic=25e-1', 'mlp'],
    ]) {
      assert.deepEqual(read(value), expected, JSON.stringify(value));
    }
  });

  it('reads what weightsText() writes', () => {
    const weights = read('quadratic=0.001,mlp=1e21,lasso');
    assert.equal(weightsText(weights), 'lasso=1,mlp=1e+21,quadratic=0.001');
    assert.deepEqual(read(weightsText(weights)), weights);
  });

  it('says what it must be', () => {
    const kind = 'be names with weights greater than 0, such as quadratic=2,rastrigin=1';
    const cases: [unknown, string][] = [
      ['', `${kind}, got ""`],
      [[], `${kind}, got []`],
      ['=2', `${kind}, got "=2"`],
      ['mlp=', `${kind}, got "mlp="`],
      ['mlp=0', `${kind}, got "mlp=0"`],
      ['mlp=-1', `${kind}, got "mlp=-1"`],
      ['mlp=x', `${kind}, got "mlp=x"`],
      ['mlp=Infinity', `${kind}, got "mlp=Infinity"`],
      ['mlp=1=2', `${kind}, got "mlp=1=2"`],
      ['mlp,,simple', `${kind}, got "mlp,,simple"`],
      ['mlp simple', `${kind}, got "mlp simple"`],
      [['mlp', 3], `${kind}, got ["mlp",3]`],
      [{ mlp: 2 }, `${kind}, got {"mlp":2}`],
      [3, `${kind}, got 3`],
      ['mlp,mlp=2', 'name each one once, got "mlp,mlp=2"'],
    ];
    for (const [value, message] of cases) {
      assertUsage(() => read(value), `Cannot configure mix: "families" must ${message}`);
    }
  });
});

describe('checkNumbers()', () => {
  it('reads a list, its text and a single number', () => {
    const rule = { integer: true, minimum: 1 };
    assert.deepEqual(checkNumbers('Cannot train', 'layers', '20,20', rule), [20, 20]);
    assert.deepEqual(checkNumbers('Cannot train', 'layers', [20, '30'], rule), [20, 30]);
    assert.deepEqual(checkNumbers('Cannot train', 'layers', 20, rule), [20]);
    assert.deepEqual(checkNumbers('Cannot train', 'layers', [], rule), []);
  });

  it('says what it must be', () => {
    for (const [value, shown] of [
      ['20,,20', '"20,,20"'],
      ['', '""'],
      ['20,a', '"20,a"'],
      [[20, 0], '[20,0]'],
      [[20, 1.5], '[20,1.5]'],
      [undefined, 'undefined'],
    ] as const) {
      assertUsage(
        () => checkNumbers('Cannot train', 'layers', value, { integer: true, minimum: 1 }),
        `Cannot train: "layers" must be a list such as 20,20 of integers of at least 1, got ${shown}`,
      );
    }
  });
});

describe('checkChoice()', () => {
  it('reads one of the words and names them all otherwise', () => {
    assert.equal(checkChoice('Cannot train', 'engine', 'wasm', ['auto', 'wasm']), 'wasm');
    assertUsage(
      () => checkChoice('Cannot train', 'engine', 'cuda', ['auto', 'wasm']),
      'Cannot train: "engine" must be one of auto, wasm, got "cuda"',
    );
  });
});

describe('show()', () => {
  it('shows any value in at most 60 characters', () => {
    assert.equal(show('a"b'), '"a\\"b"');
    assert.equal(show({ a: [1, 2] }), '{"a":[1,2]}');
    assert.equal(show(false), 'false');
    const long = show(Array.from({ length: 100 }, (_, i) => i));
    assert.equal(long.length, 60);
    assert.ok(long.endsWith('...'));
  });
});

describe('editDistance()', () => {
  it('counts insertions, deletions, substitutions and exchanges of neighbours', () => {
    for (const [a, b, distance] of [
      ['kitten', 'sitting', 3],
      ['flaw', 'lawn', 2],
      ['', 'abc', 3],
      ['abc', '', 3],
      ['same', 'same', 0],
      ['ab', 'ba', 1],
      ['ca', 'abc', 3],
      ['sedes', 'seeds', 1],
    ] as const) {
      assert.equal(editDistance(a, b), distance, `${a} ${b}`);
    }
  });
});

describe('suggestion()', () => {
  it('proposes the nearest name, and none where all are far', () => {
    assert.equal(suggestion('quadratik', ['mlp', 'quadratic', 'simple']), '; did you mean "quadratic"?');
    assert.equal(suggestion('completely-else', ['mlp', 'simple']), '');
    assert.equal(suggestion('mlp', []), '');
  });
});
