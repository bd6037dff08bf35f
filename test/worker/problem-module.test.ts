import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileError, UsageError } from '../../shared/errors.js';
import { seedKey } from '../../shared/random.js';
import { loadedModules, loadProblemModule } from '../../worker/problems/modules.js';
import { parametersOf } from '../../worker/problems/parameter-tensors.js';
import type { OptionValues } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { STUDENT_T, writeModule, writeText } from '../fixtures/modules.js';

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Loads the module and configures its family, as a command does. */
async function useModule(path: string, options: OptionValues = {}): Promise<void> {
  const family = await loadProblemModule(path);
  await family.configure(optionValues(family, options));
}

/** Asserts that the module is refused with this sentence after its path. */
async function assertRefused(path: string, sentence: string, kind: typeof FileError | typeof UsageError = FileError) {
  await assert.rejects(useModule(path), (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.equal(error.message, `Cannot use problem module ${path}: ${sentence}`);
    return true;
  });
}

describe('loadProblemModule()', () => {
  test('adds the family to the registry, once', async () => {
    const family = await loadProblemModule(STUDENT_T);
    assert.equal(familyNamed('student-t'), family);
    assert.equal(await loadProblemModule(STUDENT_T), family);
    assert.ok(loadedModules().includes(STUDENT_T));
  });

  test('hashes the file and every local file that it imports, but no package, and not where they lie', async (context) => {
    const folder = temporaryFolder(context);
    const path = writeText(
      folder,
      'with-imports.ts',
      `import { data } from './middle.js';
       import { Packr } from '${fileURLToPath(import.meta.resolve('msgpackr'))}';
       import { plain, type Unused } from './problems.cjs';
       export default { name: 'with-imports', summary: data.summary, options: {}, training: {},
         async configure() { new Packr(); return plain; } };`,
    );
    const middle = writeText(folder, 'middle.ts', `import data from './data.json'; export { data };`);
    const json = writeText(folder, 'data.json', '{ "summary": "a summary" }');
    const problems = writeText(
      folder,
      'problems.cjs',
      `exports.plain = { coordinates: 1, dataHashes: { table: 'abc' },
         draw: (key, count) => ({ theta: new Float32Array(count).fill(1), data: new Float32Array(0) }),
         loss: (tf, theta) => tf.sum(tf.square(theta), 1) };`,
    );
    const family = await loadProblemModule(path);
    assert.equal(family.summary, 'a summary');
    const { dataHashes } = await family.configure({});
    assert.deepEqual(dataHashes, {
      table: 'abc',
      'module with-imports': sha256(path),
      'module with-imports, data.json': sha256(json),
      'module with-imports, middle.ts': sha256(middle),
      'module with-imports, problems.cjs': sha256(problems),
    });
  });

  test('takes a CommonJS module', async (context) => {
    const path = writeText(
      temporaryFolder(context),
      'common.cjs',
      `const { fillNormal, streamKey } = require('lopt/problem');
         module.exports = { name: 'common', summary: '', options: {}, training: {}, configure: async () => ({
           coordinates: 1,
           draw(key, count) {
             const theta = new Float32Array(count);
             for (let p = 0; p < count; p++) fillNormal(streamKey(key, 'theta', p), theta.subarray(p, p + 1));
             return { theta, data: new Float32Array(0) };
           },
           loss: (tf, theta) => tf.sum(tf.square(theta), 1),
         }) };`,
    );
    await useModule(path);
    const problems = await familyNamed('common').configure({});
    assert.equal(problems.draw(seedKey(1), 2, 'train').theta.length, 2);
  });

  test('says that there is no such file', async (context) => {
    const path = join(temporaryFolder(context), 'absent.js');
    await assert.rejects(
      loadProblemModule(path),
      new FileError(path, `Cannot read a problem module from ${path}: there is no such file`),
    );
  });

  test('refuses a name that is taken, by lopt or by another module', async (context) => {
    const folder = temporaryFolder(context);
    const sentence = (name: string) => `its "name" must not be taken by another family, got "${name}"`;
    await assertRefused(writeModule(folder, 'quadratic.js', ''), sentence('quadratic'), UsageError);
    await useModule(writeModule(folder, 'taken.js', ''));
    await assertRefused(writeModule(folder, 'taken.mjs', ''), sentence('taken'), UsageError);
  });

  test('loads a module again after it was mended', async (context) => {
    const folder = temporaryFolder(context);
    const path = writeModule(folder, 'mended.js', 'summary: 3');
    await assertRefused(path, '"summary" must be a one-line string, got 3');
    writeModule(folder, 'mended.js', '');
    await useModule(path);
  });
});

describe('a module that cannot be loaded is told so', () => {
  const texts: readonly [file: string, text: string, sentence: (folder: string) => string][] = [
    ['throws.js', 'throw new Error("no\\n data")', () => 'it must load, but threw "no data"'],
    ['throws-text.js', 'throw "no data"', () => 'it must load, but threw "no data"'],
    [
      'unparsable.ts',
      'export default { name: ',
      (folder) => `it must load, but threw "ParseError: Unexpected token ${folder}/unparsable.ts:2:0"`,
    ],
    [
      'import.js',
      "import x from './nowhere.js'; export default x",
      () => `it must load, but threw "Cannot find module './nowhere.js'"`,
    ],
    ['none.js', 'export const family = {}', () => 'its default export must be a problem family, got undefined'],
    ['number.ts', 'export default 3', () => 'its default export must be a problem family, got 3'],
    ['function.ts', 'export default () => 3', () => 'its default export must be a problem family, got a function'],
  ];
  for (const [file, text, sentence] of texts) {
    test(file, async (context) => {
      const folder = temporaryFolder(context);
      await assertRefused(writeText(folder, file, text), sentence(folder));
    });
  }
});

/** What a module changes of a good one, and the sentence. */
type Cases = Readonly<Record<string, readonly [changes: string, sentence: string]>>;

function testCases(title: string, prefix: string, cases: Cases): void {
  describe(title, () => {
    for (const [index, [name, [changes, sentence]]] of Object.entries(cases).entries()) {
      test(name, async (context) => {
        const file = `${prefix}-${String.fromCharCode(97 + index)}.js`;
        const path = writeModule(temporaryFolder(context), file, changes, 'const START = Math.random();');
        await assertRefused(path, sentence);
      });
    }
  });
}

testCases('a family with a wrong field is told so', 'field', {
  'no name': ['name: undefined', '"name" must be a string such as "my-problem", got undefined'],
  'a name with a space': ['name: "My problem"', '"name" must be a string such as "my-problem", got "My problem"'],
  'no options': ['options: null', '"options" must be an object of options by name, got null'],
  'options as a list': ['options: []', '"options" must be an object of options by name, got an array of 0'],
  'no training': ['training: undefined', '"training" must be an object, possibly empty, got undefined'],
  'no configure': ['configure: {}', '"configure" must be a function, got an object'],
  'an option’s name': [
    'options: { initialScale: {} }',
    'option "initialScale" must have a name such as "initial-scale", got "initialScale"',
  ],
  'an option that is none': [
    'options: { size: 3 }',
    'option "size" must be an object with "type", "default" and "describe", got 3',
  ],
  'an option that is drawn': [
    'options: { size: { type: "integer", default: 1, describe: "", alternatives: true } }',
    'option "size" must have no "alternatives", which only the families of lopt itself draw, got true',
  ],
  'an option’s type': [
    'options: { size: { type: "int", default: 1, describe: "" } }',
    'option "size" must have a "type" among number, integer, integers, choice, got "int"',
  ],
  'an option without words': [
    'options: { size: { type: "integer", default: 1 } }',
    'option "size" must have a string "describe", got undefined',
  ],
  'an option without a default': [
    'options: { size: { type: "integer", describe: "" } }',
    '"default of size" must be an integer, got undefined',
  ],
  'a default below the minimum': [
    'options: { size: { type: "integer", default: 1, minimum: 2, describe: "" } }',
    '"default of size" must be an integer of at least 2, got 1',
  ],
  'a default in text': [
    'options: { size: { type: "integer", default: "7", describe: "" } }',
    'a value must be given in its own type, as 7, got "7"',
  ],
  'no choices': [
    'options: { kind: { type: "choice", default: "a", describe: "" } }',
    'option "kind" must have a list "choices", got undefined',
  ],
  'a default that is no choice': [
    'options: { kind: { type: "choice", choices: ["a", "b"], default: "c", describe: "" } }',
    '"default of kind" must be one of a, b, got "c"',
  ],
  'unknown advice': [
    'training: { unrol: 5 }',
    '"training" must advise some of shards, problems, horizon, unroll, outputScale, secondDerivatives, learningRate, evaluateEvery, evaluateFunctions, firstOrder, got "unrol"',
  ],
  'advice that is no switch': [
    'training: { secondDerivatives: 1 }',
    '"training.secondDerivatives" must be true or false, got 1',
  ],
  'unknown advice for the first order': [
    'training: { firstOrder: { secondDerivatives: true } }',
    '"training.firstOrder" must advise some of shards, problems, horizon, unroll, outputScale, learningRate, evaluateEvery, evaluateFunctions, got "secondDerivatives"',
  ],
  'advice for the first order that is no object': [
    'training: { firstOrder: 3 }',
    '"training.firstOrder" must be an object of numbers, got 3',
  ],
  'wrong advice': ['training: { unroll: 0.5 }', '"training.unroll" must be an integer of at least 1, got 0.5'],
});

const OTHERS = 'draw each problem with fillNormal() or the like from streamKey(key, stream, p)';

/** Problems with some of their parts replaced; `p` is what they were. */
function configured(parts: string, from = 'problems'): string {
  return `configure: async () => { const p = ${from}; return { ...p, ${parts} }; }`;
}

/** A closed form that does this around the right one: `g` is that, and its arguments are the usual ones. */
function spoilt(body: string): string {
  return configured(
    `createGradient: () => { const g = p.createGradient(); return (theta, batch, step, gradient, losses) => { ${body} }; }`,
  );
}

const G = 'g(theta, batch, step, gradient, losses)';

testCases('problems that are configured wrongly are told so', 'configured', {
  'configure throws': [
    'configure() { throw new Error("no table"); }',
    'configure() must resolve to the problems, but threw "no table"',
  ],
  'configure rejects': [
    'configure: async () => { throw new Error("no table"); }',
    'configure() must resolve to the problems, but threw "no table"',
  ],
  'configure gives nothing': ['async configure() {}', 'configure() must resolve to an object, got undefined'],
  'no coordinates': [configured('coordinates: 0'), 'configure() must give a positive integer as "coordinates", got 0'],
  'no draw': [configured('draw: undefined'), 'configure() must give a function as "draw", got undefined'],
  'no loss': [configured('loss: 3'), 'configure() must give a function as "loss", got 3'],
  'a gradient that is none': [
    configured('createGradient: {}'),
    'configure() must give a function or undefined as "createGradient", got an object',
  ],
  'stationary in words': [
    configured('stationary: "yes"'),
    'configure() must give true, false or undefined as "stationary", got "yes"',
  ],
  'hashes that are none': [
    configured('dataHashes: { table: 3 }'),
    'configure() must give an object of strings or undefined as "dataHashes", got an object',
  ],
});

testCases('tensors of θ that are wrong are told so', 'tensors', {
  'no list': [
    configured('parameters: { a: [2] }'),
    'configure() must give a list of tensors or undefined as "parameters", got an object',
  ],
  'no object': [
    configured('parameters: [null]'),
    'tensor 1 of "parameters" must be an object with "name" and "shape", got null',
  ],
  'no name': [
    configured('parameters: [{ name: "a", shape: [1] }, { shape: [1] }]'),
    'tensor 2 of "parameters" must have a string such as "layer_1/weights" as its "name", got undefined',
  ],
  'an empty name': [
    configured('parameters: [{ name: "", shape: [2] }]'),
    'tensor 1 of "parameters" must have a string such as "layer_1/weights" as its "name", got ""',
  ],
  'a name twice': [
    configured('parameters: [{ name: "a", shape: [1] }, { name: "b", shape: [1] }, { name: "a", shape: [1] }]'),
    '"parameters" must give every tensor a unique name, got "a" twice',
  ],
  'no shape': [
    configured('parameters: [{ name: "a", shape: 2 }]'),
    'tensor "a" of "parameters" must have a list of positive integers such as [784, 20] as its "shape", got 2',
  ],
  'an empty shape': [
    configured('parameters: [{ name: "a", shape: [] }]'),
    'tensor "a" of "parameters" must have a list of positive integers such as [784, 20] as its "shape", got []',
  ],
  'a size of 0': [
    configured('parameters: [{ name: "a", shape: [2] }, { name: "b", shape: [3, 0] }]'),
    'tensor "b" of "parameters" must have a list of positive integers such as [784, 20] as its "shape", got [3,0]',
  ],
  'half a coordinate': [
    configured('parameters: [{ name: "a", shape: [4, 0.5] }]'),
    'tensor "a" of "parameters" must have a list of positive integers such as [784, 20] as its "shape", got [4,0.5]',
  ],
  'one coordinate too many': [
    configured('parameters: [{ name: "a", shape: [1, 2] }, { name: "b", shape: [1] }]'),
    'the sizes of "parameters" must add up to "coordinates", 2, got 3 in a [1, 2], b [1]',
  ],
  'no tensors': [configured('parameters: []'), 'the sizes of "parameters" must add up to "coordinates", 2, got 0'],
  'other tensors in another thread': [
    configured('parameters: [{ name: "a" + (globalThis.tensors = (globalThis.tensors ?? 0) + 1), shape: [2] }]'),
    '"parameters" must be the same tensors every time, got a1 [2], then a2 [2] when the module is loaded again',
  ],
});

test('the tensors of θ that a module names are those of its problems', async (context) => {
  const own = 'parameters: [{ name: "mean", shape: [1] }, { name: "rest", shape: [1, 1] }]';
  const family = await loadProblemModule(writeModule(temporaryFolder(context), 'named.js', configured(own)));
  const expected = [
    { name: 'mean', shape: [1] },
    { name: 'rest', shape: [1, 1] },
  ];
  assert.deepEqual(parametersOf(await family.configure({})), expected);
  const example = await loadProblemModule(STUDENT_T);
  const problems = await example.configure(optionValues(example, { dimension: 3 }));
  assert.deepEqual(parametersOf(problems), [{ name: 'coefficients', shape: [3] }]);
});

testCases('draws that are wrong are told so', 'draw', {
  'it throws': [configured('draw: () => { throw new Error("no table"); }'), 'draw() must return, but threw "no table"'],
  'an array of doubles': [
    configured('draw: (k, n, s) => ({ theta: new Float64Array(2 * n), data: new Float32Array(0) })'),
    'draw() must return "theta" as a Float32Array of 3 problems × 2 coordinates = 6, got Float64Array of 6',
  ],
  'one problem too few': [
    configured('draw: (k, n, s) => ({ theta: new Float32Array(2 * n - 2), data: new Float32Array(0) })'),
    'draw() must return "theta" as a Float32Array of 3 problems × 2 coordinates = 6, got Float32Array of 4',
  ],
  'a promise': [
    configured('draw: async (k, n, s) => p.draw(k, n, s)'),
    'draw() must return an object with "theta" and "data", got a Promise',
  ],
  'no data': [
    configured('draw: (k, n, s) => ({ theta: new Float32Array(2 * n) })'),
    'draw() must return "data" as a Float32Array, possibly empty, got undefined',
  ],
  NaN: [
    configured('draw: (k, n, s) => ({ theta: new Float32Array(2 * n).fill(NaN), data: new Float32Array(2 * n) })'),
    'draw() must return finite numbers as "theta", got NaN',
  ],
  'Math.random()': [
    configured('draw: (k, n, s) => ({ ...p.draw(k, n, s), theta: new Float32Array(2 * n).map(() => Math.random()) })'),
    `draw() must give the same bits for the same key, but gives others the second time; ${OTHERS}`,
  ],
  'a random number when it is loaded': [
    configured('draw: (k, n, s) => ({ ...p.draw(k, n, s), theta: new Float32Array(2 * n).fill(START) })'),
    `draw() must give the same bits for the same key, but gives others when the module is loaded again; ${OTHERS}`,
  ],
  'θ_0 that depends on the count': [
    configured('draw: (k, n, s) => ({ ...p.draw(k, n, s), theta: new Float32Array(2 * n).fill(n) })'),
    `draw() must draw problem p from (key, p) alone, but its θ_0 depends on the number of problems; ${OTHERS}`,
  ],
  'data that depend on the count': [
    configured('draw: (k, n, s) => ({ ...p.draw(k, n, s), data: new Float32Array(2 * n).fill(n) })'),
    `problem p must be a function of (key, p) alone, but its data or its loss depends on the number of problems; ${OTHERS}`,
  ],
});

const HELD = 'loss() must read its data only through dataTensor(), and no key, if "stationary" is true';

testCases('losses that are wrong are told so', 'loss', {
  'it throws': [
    configured('loss: () => { throw new Error("no\\nloss"); }', 'plain'),
    'loss() must return at step 0, but threw "no loss"',
  ],
  'one loss for all': [
    configured('loss: (tf, ...a) => tf.sum(p.loss(tf, ...a))', 'plain'),
    'loss() must return a tensor of shape [3], one loss per problem, got one of shape []',
  ],
  'a column': [
    configured('loss: (tf, ...a) => tf.expandDims(p.loss(tf, ...a), 1)', 'plain'),
    'loss() must return a tensor of shape [3], one loss per problem, got one of shape [3, 1]',
  ],
  'no tensor': [
    configured('loss: (tf, ...a) => p.loss(tf, ...a).dataSync()', 'plain'),
    'loss() must return a tensor of shape [3], one loss per problem, got Float32Array of 3',
  ],
  'no way to θ': [
    configured('loss: (tf, theta, ...a) => tf.tensor1d(p.loss(tf, theta, ...a).dataSync())', 'plain'),
    'loss() must be differentiable by TensorFlow.js, but threw "Cannot compute gradient of y=f(x) with respect to x. Make sure that the f you passed encloses all operations that lead from x to y."',
  ],
  'not finite': [
    configured('loss: (tf, ...a) => tf.log(tf.neg(p.loss(tf, ...a)))', 'plain'),
    'loss() must give finite losses at θ_0, got NaN at step 0 of split "train"',
  ],
  'divided by the largest': [
    configured('loss: (tf, ...a) => { const l = p.loss(tf, ...a); return tf.div(l, tf.max(l)); }', 'plain'),
    `problem p must be a function of (key, p) alone, but its data or its loss depends on the number of problems; ${OTHERS}`,
  ],
  'stationary, and yet of the step': [
    configured('stationary: true, loss: (tf, t, b, step) => tf.mul(p.loss(tf, t, b, step), 1 + step)', 'plain'),
    'loss() must read neither step nor key if "stationary" is true, but does',
  ],
  'stationary, and yet of the key': [
    configured('stationary: true, loss: (tf, t, b, step) => tf.mul(p.loss(tf, t, b, step), 1 + b.key[0])', 'plain'),
    'loss() must read neither step nor key if "stationary" is true, but does',
  ],
  'stationary, and yet with data that lie on no device': [
    configured(
      'stationary: true, loss: (tf, t, { count, data }) => tf.sum(tf.square(tf.sub(t, tf.tensor2d(data, [count, 2]))), 1)',
      'plain',
    ),
    `${HELD}, but does not`,
  ],
  'stationary, and yet with a key that it makes nothing of': [
    configured(
      'stationary: true, loss: (tf, t, b) => { const none = 0 * b.key[0]; return tf.add(tf.sum(tf.square(t), 1), none); }',
      'plain',
    ),
    `${HELD}, but does not`,
  ],
  'dropout by Math.random()': [
    configured('loss: (tf, ...a) => tf.mul(p.loss(tf, ...a), Math.random())', 'plain'),
    'loss() must give the same bits every time, but gives others the second time at step 0 of split "train"',
  ],
});

testCases('closed forms that are wrong are told so', 'gradient', {
  'none made': [configured('createGradient() {}'), 'createGradient() must return a function, got undefined'],
  'it throws': [
    spoilt('if (step === 5) throw new RangeError("too far");'.concat(G)),
    'the closed-form gradient must return at step 5, but threw "too far"',
  ],
  'half of the gradient': [
    spoilt(`const g0 = gradient[1]; ${G}; gradient[1] = g0;`),
    'the closed-form gradient must give finite gradient at θ_0, got NaN at step 0 of split "train"',
  ],
  'half of the gradient proper': [
    spoilt(`${G}; gradient.forEach((x, i) => { gradient[i] = x / 2; });`),
    'the closed-form gradient must agree with loss() and its derivative within 0.001 of their norm, but differs by 0.50 at step 0',
  ],
  'twice the loss': [
    spoilt(`${G}; losses.forEach((x, i) => { losses[i] = 2 * x; });`),
    'the closed-form gradient must agree with loss() and its derivative within 0.001 of their norm, but differs by 1.0 at step 0',
  ],
  'the step before': [
    spoilt('g(theta, batch, Math.max(0, step - 1), gradient, losses);'),
    'the closed-form gradient must agree with loss() and its derivative within 0.001 of their norm, but differs by 0.17 at step 5',
  ],
  'θ moved': [
    spoilt(`${G}; theta[0] += 1;`),
    'the closed-form gradient must write only to its results, but wrote to theta',
  ],
  'data used up': [
    spoilt(`${G}; batch.data[0] = 0;`),
    'the closed-form gradient must write only to its results, but wrote to data',
  ],
  'the whole buffer taken for the gradient': [
    spoilt('g(theta, batch, step, new Float32Array(gradient.buffer), losses);'),
    'the closed-form gradient must write only to its results, but wrote to memory around "gradient"',
  ],
  'a counter': [
    spoilt(`${G}; globalThis.calls = (globalThis.calls ?? 0) + 1; gradient[0] += globalThis.calls;`),
    'the closed-form gradient must give the same bits every time, but gives others the second time at step 0 of split "train"',
  ],
  'a problem that takes in another': [
    spoilt(`${G}; for (let i = 0; i < gradient.length; i++) gradient[i] += 0 * gradient[(i + 2) % gradient.length];`),
    'the closed-form gradient must compute every problem independently, but changes one if another is NaN',
  ],
});

/** H·v of the family `distance`, and what it does with it: `h` writes the right one. */
function curved(body: string): string {
  const right = 'const h = () => vector.forEach((v, i) => { product[i] = 2 * (1 + step) * v; })';
  return configured(`createHessian: () => (theta, vector, batch, step, product) => { ${right}; ${body} }`);
}

test('a Hessian-vector product that is right is taken', async (context) => {
  await useModule(writeModule(temporaryFolder(context), 'curved.js', curved('h();')));
});

testCases('Hessian-vector products that are wrong are told so', 'hessian', {
  'no function': [
    configured('createHessian: 3'),
    'configure() must give a function or undefined as "createHessian", got 3',
  ],
  'none made': [configured('createHessian() {}'), 'createHessian() must return a function, got undefined'],
  'it throws': [
    curved('if (step === 5) throw new RangeError("too bent"); h();'),
    'the Hessian-vector product must return at step 5, but threw "too bent"',
  ],
  'nothing written': [
    curved(''),
    'the Hessian-vector product must agree with finite differences of the gradient within a tenth of their norm, but does not at step 0',
  ],
  'a counter': [
    curved('h(); globalThis.bends = (globalThis.bends ?? 0) + 1; product[0] *= 1 + 1e-6 * globalThis.bends;'),
    'the Hessian-vector product must give the same bits every time, but gives others the second time at step 0',
  ],
  'one problem left out': [
    curved('h(); product[5] = -product[5]; product[4] = -product[4];'),
    'the Hessian-vector product must agree with finite differences of the gradient within a tenth of their norm, but does not at step 0',
  ],
  'a factor of the count': [
    curved('h(); product.forEach((x, i) => { product[i] = x * (1 + 0.01 * batch.count); });'),
    'the Hessian-vector product must depend on the problem alone, but depends on the number of problems at step 0',
  ],
  'a problem that takes in another': [
    curved('h(); for (let i = 0; i < theta.length; i++) product[i] += 0 * theta[(i + 2) % theta.length];'),
    'the Hessian-vector product must compute every problem independently, but changes one if another is NaN at step 0',
  ],
  'the first step for ever': [
    curved('vector.forEach((v, i) => { product[i] = 2 * v; });'),
    'the Hessian-vector product must agree with finite differences of the gradient within a tenth of their norm, but does not at step 5',
  ],
});

test('a file that is gone ends the next configuration with a sentence', async (context) => {
  const path = writeModule(temporaryFolder(context), 'gone.js', '');
  const family = await loadProblemModule(path);
  rmSync(path);
  await assert.rejects(family.configure({}), /Cannot read a problem module from .*gone\.js: there is no such file/);
});
