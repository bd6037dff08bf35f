import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson } from '../../shared/canonical-json.js';
import { dataDifference, digestOf } from '../../shared/config.js';
import { runConfig } from '../fixtures/run-config.js';

test('canonicalJson() gives equal values equal texts, whatever the order of their keys', () => {
  assert.equal(canonicalJson({ b: [2, { d: 1, c: null }], a: 'x' }), '{"a":"x","b":[2,{"c":null,"d":1}]}');
});

test('digestOf() depends on every part of a configuration but on where the data lie', () => {
  const config = runConfig({ dataHashes: { images: 'aa' } });
  assert.equal(digestOf({ ...config, folders: { folder: '/data' } }), digestOf(config));
  const changes = [{ seed: 2 }, { dataHashes: { images: 'bb' } }, { problemOptions: { dimension: 3 } }];
  const digests = [{}, ...changes].map((change) => digestOf({ ...config, ...change }));
  assert.equal(new Set(digests).size, 4);
});

test('dataDifference() names the first file that is another one, missing or too many', () => {
  const config = runConfig({ dataHashes: { images: 'aa', labels: 'bb' }, folders: { folder: '/data' } });
  assert.equal(dataDifference(config, { labels: 'bb', images: 'aa' }), undefined);
  const sentence = (found: Record<string, string>) => dataDifference(config, found);
  const labels = 'the file labels in /data must be that of the run, with SHA-256';
  assert.equal(sentence({ images: 'aa', labels: 'cc' }), `${labels} bb, got cc`);
  assert.equal(sentence({ images: 'aa' }), `${labels} bb, got none`);
  const more = 'the file more in /data must be that of the run, with SHA-256';
  assert.equal(sentence({ images: 'aa', labels: 'bb', more: 'cc' }), `${more} none, got cc`);
});
