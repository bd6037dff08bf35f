/** What `lopt` says to wrong flags and files; test/e2e/refused.test.ts has a few of them answered by real processes. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { phiLength } from '../../shared/phi.js';
import { encodePhi } from '../../shared/phi-format.js';
import { FAMILIES } from '../../worker/problems/registry.js';
import { loptHere } from '../fixtures/command-line.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { deployPath } from '../fixtures/shipped.js';

/** Arguments, exit code, and the one sentence that is printed. */
type Case = readonly [args: string, code: number, sentence: string];

const COMMANDS =
  'train, sweep, eval, report, export, up, coordinator, worker, key, status, stop, bench, problems, engines';

const CASES: readonly Case[] = [
  ['', 2, `Cannot run lopt: a command must be given, one of ${COMMANDS}`],
  ['trian', 2, `Cannot run lopt: the command must be one of ${COMMANDS}, got "trian"; did you mean "train"?`],
  [
    'train quadratc',
    2,
    `Cannot find problem "quadratc": it must be one of ${[...FAMILIES.keys()].join(', ')}; did you mean "quadratic"?`,
  ],
  ['train quadratic more', 2, 'Cannot run lopt train: "more" is one word too many'],
  ['train --shrads 3', 2, 'Cannot run lopt train: there is no flag --shrads; did you mean "shards"?'],
  ['train --shards', 2, 'Cannot run lopt: Not enough arguments following: shards'],
  ['train --shards 2 --shards 3', 2, 'Cannot run lopt train: --shards must be given once'],
  ['train --shards 0', 2, 'Cannot train: "shards" must be an integer of at least 1, got 0'],
  ['train --problems 1.5', 2, 'Cannot train: "problems" must be an integer of at least 1, got 1.5'],
  ['train --horizon ten', 2, 'Cannot train: "horizon" must be an integer of at least 1, got "ten"'],
  ['train --unroll -1', 2, 'Cannot train: "unroll" must be an integer of at least 1, got -1'],
  ['train --seed -1', 2, 'Cannot train: "seed" must be an integer of at least 0, got -1'],
  ['train --output-scale 0', 2, 'Cannot train: "output-scale" must be a number greater than 0, got 0'],
  ['train --learning-rate 0', 2, 'Cannot train: "learning-rate" must be a number greater than 0, got 0'],
  ['train --final-rate 2', 2, 'Cannot train: "final-rate" must be a number greater than 0 and of at most 1, got 2'],
  ['train --flat 1', 2, 'Cannot train: "flat" must be a number greater than 0 and of at most 0.9, got 1'],
  ['train --clip NaN', 2, 'Cannot train: "clip" must be a number greater than 0, got "NaN"'],
  ['train --evaluate-every 0', 2, 'Cannot train: "evaluate-every" must be an integer of at least 1, got 0'],
  ['train --loss-weights first', 2, 'Cannot train: "loss-weights" must be one of uniform, linear, last, got "first"'],
  ['train --scale-coordinates -1', 2, 'Cannot train: "scale-coordinates" must be a number from 0 to 10, got -1'],
  ['train --imitate 1.5', 2, 'Cannot train: "imitate" must be a number from 0 to 1, got 1.5'],
  ['train --episodes apart', 2, 'Cannot train: "episodes" must be one of staggered, together, got "apart"'],
  [
    'train --unroll 20 --longest-unroll 10',
    2,
    'Cannot train: "longest-unroll" must be 0, or at least the unroll of 20, got 10',
  ],
  ['train --horizon 100..50', 2, 'Cannot train: "longest-horizon" must be 0, or at least the horizon of 100, got 50'],
  [
    'train --horizon 50..100 --horizons 200',
    2,
    'Cannot train: "longest-horizon" must be 0 with a curriculum of horizons, got 100',
  ],
  ['train --estimator pes --sigma 0', 2, 'Cannot train: "sigma" must be a number greater than 0, got 0'],
  [
    'train --meta-loss last',
    2,
    'Cannot train: "meta-loss" must be left out with estimator bptt, since it is an option of es',
  ],
  [
    'train --horizon 50 --horizons 100,80',
    2,
    'Cannot train: "horizons" must list at most 64 numbers, ascending from above the horizon of 50, got 100,80',
  ],
  [
    'train --horizons 100',
    2,
    'Cannot train: "horizons" must list at most 64 numbers, ascending from above the horizon of 100, got 100',
  ],
  [
    'train --second-derivatives --preprocessing both',
    2,
    'Cannot train: "preprocessing" must not be both with second derivatives',
  ],
  ['train --evaluate-functions 0', 2, 'Cannot train: "evaluate-functions" must be an integer of at least 1, got 0'],
  [
    'train --layers 20,x',
    2,
    'Cannot train: "layers" must be a list such as 20,20 of integers from 1 to 512, got "20,x"',
  ],
  ['train --layers 1,1,1,1,1,1,1,1,1', 2, 'Cannot train: "layers" must list 1 to 8 layers, got 9'],
  [
    'train --preprocessing log',
    2,
    'Cannot train: "preprocessing" must be one of log-and-sign, none, rnnprop, both, got "log"',
  ],
  [
    'train --engine gpu',
    2,
    'Cannot train: "engine" must be one of auto, native, wasm, tensorflow, webgpu, reference, got "gpu"',
  ],
  ['train --architecture gru', 2, 'Cannot train: "architecture" must be one of lstm, mlp, got "gru"'],
  ['train --estimator guess', 2, 'Cannot train: "estimator" must be one of bptt, es, pes, nres, got "guess"'],
  ['train --slope-limit -1', 2, 'Cannot train: "slope-limit" must be a number of at least 0, got -1'],
  ['train --longest-unroll 1.5', 2, 'Cannot train: "longest-unroll" must be an integer of at least 0, got 1.5'],
  ['train --seconds 3 --rounds 4', 2, 'Cannot train: give --seconds or --rounds, not both'],
  ['train --seconds 0', 2, 'Cannot train: "seconds" must be a number greater than 0, got 0'],
  ['train --rounds 0.5', 2, 'Cannot train: "rounds" must be an integer of at least 1, got 0.5'],
  ['train --threads 0', 2, 'Cannot train: "threads" must be an integer from 1 to 1024, got 0'],
  [
    'train --problem.dimension 0',
    2,
    'Cannot configure quadratic: "dimension" must be an integer of at least 1, got "0"',
  ],
  ['train --problem.dimension', 2, 'Cannot run lopt: --problem.dimension must be followed by a value'],
  [
    'train mlp --problem.activation gelu',
    2,
    'Cannot configure mlp: "activation" must be one of sigmoid, tanh, relu, got "gelu"',
  ],
  [
    'train mix --problem.families quadratic=0',
    2,
    'Cannot configure mix: "families" must be names with weights greater than 0, such as quadratic=2,rastrigin=1, got "quadratic=0"',
  ],
  ['train mix --problem.families simple,mix', 2, 'Cannot configure mix: "families" must not name mix itself'],
  [
    'train mix --problem.families lasso --problem.lasso.rows 0',
    2,
    'Cannot configure mix: "lasso.rows" must be an integer of at least 1, got "0"',
  ],
  [
    'bench mix',
    2,
    'Cannot measure: "problem" must be one family, since the families of a mix differ in what they compute, got "mix"',
  ],
  [
    'bench mlp --problem.hidden 3|5',
    2,
    'Cannot measure: "problem.hidden" must be one value, since networks differ in what they compute, got "3|5"',
  ],
  [
    'train mlp --problem.size 29',
    2,
    'Cannot average images: "size" must be at most 28, since the images have 28 × 28 pixels, got 29',
  ],
  ['train --resume', 2, 'Cannot train: --resume needs --out, the folder of the run to go on with'],
  ['train --resume --out nowhere', 2, 'Cannot resume nowhere: it must hold a run, but has no config.json'],
  ['train --init nowhere', 1, 'Cannot read φ from nowhere: there is no such file'],
  ['train --config nowhere', 1, 'Cannot read flags from nowhere: there is no such file'],
  ['problems --problem.dimension 3', 2, 'Cannot run lopt problems: it takes no options of a problem'],
  ['eval nowhere', 1, 'Cannot read φ from nowhere: there is no such file'],
  ['export nowhere', 2, 'Cannot export: --to must be given, one of npz, json, torch'],
  ['export nowhere --to onnx', 2, 'Cannot export: "to" must be one of npz, json, torch, got "onnx"'],
  ['export nowhere --to npz', 1, 'Cannot read φ from nowhere: there is no such file'],
  ['export x --to npz --out ./x', 2, 'Cannot export: "out" must be another file than that of φ, got "./x"'],
  ['coordinator --double-check 1.5', 2, 'Cannot coordinate: "double-check" must be a number from 0 to 1, got 1.5'],
  ['coordinator --workers-file nowhere', 1, 'Cannot read the list of workers from nowhere: there is no such file'],
  [
    'worker --coordinator-key abc',
    2,
    'Cannot work: "coordinator-key" must be public keys as lopt key prints them, got "abc"',
  ],
  ['key', 2, 'Cannot run lopt: an argument is missing; lopt COMMAND --help says which'],
  ['report', 2, 'Cannot run lopt: an argument is missing; lopt COMMAND --help says which'],
  ['report nowhere', 2, 'Cannot report on nowhere: it must hold a run, but has no config.json'],
  ['status --timeout 0', 2, 'Cannot list runs: "timeout" must be a number from 0.1 to 3600, got 0'],
  ['stop r --timeout x', 2, 'Cannot stop a run: "timeout" must be a number from 0.1 to 3600, got "x"'],
  ['bench --seconds x', 2, 'Cannot measure: "seconds" must be a number greater than 0, got "x"'],
];

describe('lopt answers wrong flags with one sentence and leaves nothing behind', () => {
  for (const [args, code, sentence] of CASES) {
    it(`lopt ${args}`, async (context) => {
      const folder = temporaryFolder(context);
      const ended = await loptHere(args === '' ? [] : args.split(' '), folder);
      assert.deepEqual([ended.stderr, ended.code], [`${sentence}\n`, code]);
      assert.deepEqual(readdirSync(folder), []);
    });
  }
});

/** A few aliases of each other that stand for a million values. */
const bomb = ['a', 'b', 'c', 'd', 'e', 'f']
  .map((name, i) => `${name}: &${name} [${Array(10).fill(i === 0 ? '0' : `*${'abcdef'[i - 1]}`)}]\n`)
  .join('');

describe('lopt answers a path that is a file or a folder, or leads nowhere, with one sentence', () => {
  const noPhi = (task: string) =>
    `${task}: the folder empty must hold φ as phi.safetensors; name a run's folder or a file`;
  const cases: readonly Case[] = [
    ['train --rounds 1 --out file', 1, 'Cannot make the folder file: file is not a folder'],
    ['train --rounds 1 --out file/in/it', 1, 'Cannot make the folder file/in/it: file is not a folder'],
    ['sweep sweep.yaml --out file', 1, 'Cannot make the folder file: file is not a folder'],
    ['export quadratic --to json --out none/x.json', 1, 'Cannot write none/x.json: the folder none does not exist'],
    ['export quadratic --to json --out empty', 1, 'Cannot write empty: it is a folder'],
    ['export empty --to json', 1, noPhi('Cannot export')],
    ['eval empty', 1, noPhi('Cannot evaluate')],
    ['train --init empty', 1, noPhi('Cannot train')],
  ];
  for (const [args, code, sentence] of cases) {
    it(`lopt ${args}`, async (context) => {
      const folder = temporaryFolder(context);
      writeFileSync(join(folder, 'file'), 'mine');
      writeFileSync(join(folder, 'sweep.yaml'), readFileSync(deployPath('examples/quadratic.yaml')));
      mkdirSync(join(folder, 'empty'));
      const ended = await loptHere(args.split(' '), folder);
      assert.deepEqual([ended.stderr, ended.code], [`${sentence}\n`, code]);
      assert.deepEqual(readdirSync(folder), ['empty', 'file', 'sweep.yaml']);
      assert.deepEqual(readdirSync(join(folder, 'empty')), []);
    });
  }
});

describe('lopt train --config answers a wrong file with one sentence', () => {
  const files: readonly [content: string, code: number, sentence: RegExp][] = [
    ['shards: [1\n', 1, /^Cannot read flags from f\.yaml: it must be YAML, and is not at line 2, column 1 \(.*\)\n$/],
    ['shrads: 3\n', 1, /^Cannot read flags from f\.yaml: there is no flag "shrads"; did you mean "shards"\?\n$/],
    ['- shards\n', 1, /^Cannot read flags from f\.yaml: it must hold keys and values, as in "shards: 4"\n$/],
    [
      'shards: *many\n',
      2,
      /^Cannot read flags from f\.yaml, line 1, column 9: the alias \*many must follow its anchor &many\n$/,
    ],
    [
      'layers: &all [3, *all]\n',
      2,
      /^Cannot read flags from f\.yaml, line 1, column 18: the alias \*all must stand for a value that it is no part of\n$/,
    ],
    [
      bomb,
      2,
      /^Cannot read flags from f\.yaml, line 5, column \d+: its aliases must stand for at most 100000 values together, and \*d goes beyond\n$/,
    ],
    ['shards: &some 0\nproblems: *some\n', 2, /^Cannot train: "shards" must be an integer of at least 1, got 0\n$/],
    ['layers: []\n', 2, /^Cannot train: "layers" must list 1 to 8 layers, got 0\n$/],
    ['problem: 3\n', 1, /^Cannot read flags from f\.yaml: "problem" must be the name of a problem family\n$/],
    ['strict: "no"\n', 2, /^Cannot train: "strict" must be true or false, got "no"\n$/],
    ['resume: 1\n', 2, /^Cannot train: "resume" must be true or false, got 1\n$/],
    ['episodes: true\n', 2, /^Cannot train: "episodes" must be one of staggered, together, got true\n$/],
    [
      'estimator: {type: bptt}\n',
      2,
      /^Cannot train: "estimator" must be one of bptt, es, pes, nres, got \{"type":"bptt"\}\n$/,
    ],
    ['shards: many\n', 2, /^Cannot train: "shards" must be an integer of at least 1, got "many"\n$/],
    [
      'problem: mlp\nproblem.batch: 0\n',
      2,
      /^Cannot configure mlp: "batch" must be an integer of at least 1, got 0\n$/,
    ],
  ];
  for (const [content, code, sentence] of files) {
    it(JSON.stringify(content), async (context) => {
      const folder = temporaryFolder(context);
      writeFileSync(join(folder, 'f.yaml'), content);
      const ended = await loptHere(['train', '--config', 'f.yaml'], folder);
      assert.match(ended.stderr, sentence);
      assert.equal(ended.code, code);
      assert.deepEqual(readdirSync(folder), ['f.yaml']);
    });
  }
});

describe('lopt answers a damaged φ file with one sentence', () => {
  const architecture = { type: 'lstm', layers: [3], preprocessing: 'none', outputScale: 0.1, logAndSignP: 10 } as const;
  const whole = Buffer.from(encodePhi(architecture, new Float32Array(phiLength(architecture)).fill(0.5)));
  const withNaN = Buffer.from(whole);
  withNaN.writeFloatLE(Number.NaN, withNaN.length - 4);
  const files: readonly [name: string, bytes: Buffer, sentence: string][] = [
    [
      'empty',
      Buffer.alloc(0),
      'Cannot read x as safetensors: it must begin with 8 bytes of header length, and has 0 bytes',
    ],
    ['no safetensors', Buffer.alloc(64, 0xff), 'Cannot read x as safetensors: its header must end within the file'],
    [
      'cut short',
      whole.subarray(0, -3),
      'Cannot read x as safetensors: tensor "output/biases" must lie within the file',
    ],
    ['not a number', withNaN, 'Cannot read φ from x: tensor "output/biases" must hold finite numbers, and does not'],
    [
      'other shapes',
      Buffer.from(whole.toString('latin1').replace('"layers":"3"', '"layers":"4"'), 'latin1'),
      'Cannot read φ from x: tensor "lstm_1/weights" must have shape [5, 16], got [4, 12]',
    ],
  ];
  for (const [name, bytes, sentence] of files) {
    it(name, async (context) => {
      const folder = temporaryFolder(context);
      writeFileSync(join(folder, 'x'), bytes);
      for (const args of [
        ['eval', 'x'],
        ['train', '--init', 'x'],
        ['export', 'x', '--to', 'torch'],
      ]) {
        const ended = await loptHere(args, folder);
        assert.ok(ended.stderr.startsWith(sentence), ended.stderr);
        assert.equal(ended.stderr.split('\n').length, 2);
        assert.equal(ended.code, 1);
      }
      assert.deepEqual(readdirSync(folder), ['x']);
    });
  }

  it('and --init refuses flags of another architecture', async (context) => {
    const folder = temporaryFolder(context);
    writeFileSync(join(folder, 'x'), whole);
    const ended = await loptHere(['train', '--init', 'x', '--layers', '4'], folder);
    const expected =
      'Cannot train: the architecture must be the one of the φ it starts from, ' +
      'lstm (layers 3, preprocessing none, output scale 0.1), got lstm (layers 4, preprocessing none, output scale 0.1)\n';
    assert.deepEqual([ended.stderr, ended.code], [expected, 2]);
  });
});
