import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveKey, type Key, seedKey } from '../../shared/random.js';
import type { Problems } from '../../worker/problems/problem.js';
import { familyFor, familyNamed, optionValues, separateFolders } from '../../worker/problems/registry.js';
import { fingerprintOf, sessionOf } from '../../worker/session.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { runConfig } from '../fixtures/run-config.js';

function configure(name: string, given: Record<string, unknown>): Promise<Problems> {
  const family = familyFor(name, given);
  return family.configure(optionValues(family, given));
}

/** The keys of the first episodes of some shards. */
function episodeKeys(count: number): Key[] {
  return Array.from({ length: count }, (_, i) =>
    deriveKey({ seed: 0, member: 0, shard: i % 13, episode: Math.floor(i / 13), purpose: 'train' }),
  );
}

test('mix draws each family as often as its weight says, whatever the order they are named in', async () => {
  const shares = [0.1, 0.6, 0.3];
  const { mixture } = await configure('mix', { families: 'quadratic=6,lasso,simple=3' });
  const keys = episodeKeys(20_000);
  const picks = keys.map((key) => mixture!.pick(key));
  for (const [index, share] of shares.entries()) {
    const found = picks.filter((pick) => pick === index).length / picks.length;
    assert.ok(Math.abs(found - share) < 0.015, `${index}: ${found}`);
  }
  const reordered = await configure('mix', { families: ['simple=3', 'quadratic=6', 'lasso=1'] });
  assert.deepEqual(
    keys.map((key) => reordered.mixture!.pick(key)),
    picks,
  );
});

test('mix gives an episode the bits that the family of its key gives it', async () => {
  const given = { families: 'quadratic,rastrigin', 'quadratic.dimension': 3, 'rastrigin.alpha': 5 };
  const mix = await configure('mix', given);
  const alone = [await configure('quadratic', { dimension: 3 }), await configure('rastrigin', { alpha: 5 })];
  const met = new Set<Problems>();
  const mixedGradient = mix.createGradient!();
  for (const key of episodeKeys(20)) {
    const draw = mix.draw(key, 2, 'train');
    const family = alone.find(({ coordinates }) => 2 * coordinates === draw.theta.length)!;
    met.add(family);
    assert.deepEqual(draw, family.draw(key, 2, 'train'));
    const batch = { count: 2, data: draw.data, key, split: 'train' } as const;
    const [mixed, own] = [mixedGradient, family.createGradient!()].map((gradientOf) => {
      const [gradient, losses] = [new Float32Array(draw.theta.length), new Float64Array(2)];
      gradientOf(draw.theta, batch, 1, gradient, losses);
      return { gradient, losses };
    });
    assert.deepEqual(mixed, own);
  }
  assert.deepEqual(met, new Set(alone));
  assert.equal(mix.coordinates, 3);
});

test('mix has the options of its families, by their names, and their defaults', () => {
  const given = { families: 'simple,lasso=3', 'lasso.rows': '9' };
  assert.deepEqual(optionValues(familyFor('mix', given), given), {
    families: 'lasso=3,simple=1',
    normalise: 'none',
    'lasso.dimension': 50,
    'lasso.rows': 9,
    'lasso.lambda': 0.1,
    'lasso.nonzero': 5,
    'lasso.noise': 0,
    'lasso.initial-scale': 0,
  });
  // it is drawn from what it says by itself
  const values = optionValues(familyFor('mix', {}), {});
  assert.deepEqual(optionValues(familyFor('mix', values), values), values);
});

test('mix trains with what the most demanding of its families can do with', () => {
  const { training } = familyFor('mix', { families: 'mlp,quadratic,logistic' });
  assert.deepEqual(training, {
    problems: 1,
    shards: 12,
    unroll: 3,
    learningRate: 1e-3,
    outputScale: 0.01,
    evaluateEvery: 500,
    evaluateFunctions: 12,
  });
  for (const name of ['quadratic', 'mlp']) {
    assert.deepEqual(familyFor('mix', { families: name }).training, familyNamed(name).training);
  }
});

test('mix names the data files of all its families, each with its own of a name', async (context) => {
  const folder = writeFiles(temporaryFolder(context), mnistFiles({ training: 12, test: 2 }));
  const given = { families: 'simple,mlp,conv', 'conv.folder': folder };
  const mix = await configure('mix', given);
  const [mlp, conv] = [await configure('mlp', {}), await configure('conv', { folder })];
  const named = (family: string, hashes: Problems['dataHashes']) =>
    Object.entries(hashes!).map(([file, hash]) => [`${family}.${file}`, hash]);
  const expected = Object.fromEntries([...named('mlp', mlp.dataHashes), ...named('conv', conv.dataHashes)]);
  assert.equal(Object.keys(expected).length, 8);
  assert.deepEqual(mix.dataHashes, expected);
  const family = familyFor('mix', given);
  assert.deepEqual(separateFolders(family, optionValues(family, given)).folders, { 'conv.folder': folder });
  // as a worker has them, whose folder is that of whatever reads one
  const elsewhere = await familyNamed('mix').configure({ ...optionValues(family, given), folder });
  const all = [...named('mlp', conv.dataHashes), ...named('conv', conv.dataHashes)];
  assert.deepEqual(elsewhere.dataHashes, Object.fromEntries(all));
});

test('fingerprintOf() a mix tells a difference in any of its families', async () => {
  const fingerprint = async (given: Record<string, unknown>) => {
    const problemOptions = optionValues(familyFor('mix', given), given);
    const config = runConfig({ problem: 'mix', problemOptions });
    return fingerprintOf(await sessionOf({ digest: JSON.stringify(given), config }));
  };
  const families = 'quadratic,rastrigin=100,simple';
  const changes = [{}, { 'quadratic.distribution': 'uniform' }, { 'rastrigin.alpha': 5 }];
  const all = await Promise.all(changes.map((change) => fingerprint({ families, ...change })));
  assert.equal(new Set(all).size, 3);
});

test('a mix of which a family has no closed form is differentiated on tensors', async () => {
  const mix = await configure('mix', { families: 'quadratic,rastrigin', 'quadratic.dimension': 3 });
  assert.ok(mix.createGradient);
  const { createTensorGradient } = await import('../../worker/problems/derivatives/tensor-gradient.js');
  const tf = await import('@tensorflow/tfjs');
  await tf.setBackend('cpu');
  const gradientOf = createTensorGradient(tf, mix);
  for (const key of [seedKey(1), ...episodeKeys(6)]) {
    const { theta, data } = mix.draw(key, 2, 'train');
    const batch = { count: 2, data, key, split: 'train' } as const;
    const [byTensors, closed] = [gradientOf, mix.createGradient()].map((gradient) => {
      const [slopes, losses] = [new Float32Array(theta.length), new Float64Array(2)];
      gradient(theta, batch, 0, slopes, losses);
      return slopes;
    }) as [Float32Array, Float32Array];
    closed.forEach((slope, i) => {
      assert.ok(Math.abs(byTensors[i]! - slope) <= 1e-5 * Math.max(...closed.map(Math.abs)));
    });
  }
});
