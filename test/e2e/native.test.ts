/** Runs on the native engine and on the wasm engine, alone, one after the other and together: the same φ. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nativeFault } from '../../worker/devices/native/load.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import {
  CLI,
  lopt,
  reaches,
  SMALL_FLAGS,
  SMALL_ROUNDS,
  sha256OfFile,
  startProcess,
  trainSmall,
  wordsOf,
} from './harness.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

const WITHOUT_NATIVE = { LOPT_NATIVE: '0' };
const RUN = ['quadratic', ...wordsOf(SMALL_FLAGS), '--rounds', String(SMALL_ROUNDS)];

describe('the native engine', { skip: nativeFault(), timeout: 120_000 }, () => {
  let expected = '';

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder, { threads: 2 }, { engine: 'wasm' }));
  });

  it('gives the φ of the wasm engine', async (test) => {
    assert.equal(await trainSmall(temporaryFolder(test), { threads: 2 }, { engine: 'native' }), expected);
  });

  for (const order of [
    [{}, WITHOUT_NATIVE],
    [WITHOUT_NATIVE, {}],
  ]) {
    const [first, then] = order.map((env) => (env === WITHOUT_NATIVE ? 'wasm' : 'native'));
    it(`gives it in a run that was begun on ${first} and goes on on ${then}`, async (test) => {
      const out = join(temporaryFolder(test), 'run');
      const started = startProcess([CLI, 'train', ...RUN, '--out', out], undefined, order[0]);
      await reaches(started.child, join(out, 'metrics.jsonl'), 10);
      started.child.kill('SIGTERM');
      assert.equal((await started.ended).code, 130);
      const { code, stderr } = await lopt(['train', '--resume', '--out', out], undefined, order[1]);
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    });
  }

  it('gives it on a cluster with a worker that has no native kernel', { skip: WITHOUT_NATS }, async (test) => {
    const nats = ['--nats', server!.url, '--run', 'mixed'];
    const out = join(temporaryFolder(test), 'run');
    const workers = [{}, WITHOUT_NATIVE].map((env, i) =>
      startProcess([CLI, 'worker', '--threads', '1', '--name', `w${i}`, ...nats], undefined, env),
    );
    test.after(async () => {
      for (const { child } of workers) child.kill('SIGKILL');
      await Promise.all(workers.map(({ ended }) => ended));
    });
    const words = ['coordinator', ...RUN, '--out', out, '--double-check', '1', ...nats];
    const { code, stderr } = await lopt(words);
    assert.deepEqual([code, stderr], [0, '']);
    // nothing counts that not both have computed
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
  });

  it('is a sentence if it is switched off, and wasm serves', async (test) => {
    const sentence = /Cannot use engine "native": LOPT_NATIVE=0 switches it off; unset it to use the native kernels\n/;
    const engines = await lopt(['engines'], undefined, WITHOUT_NATIVE);
    assert.match(engines.stdout, sentence);
    const out = join(temporaryFolder(test), 'run');
    const { code, stderr } = await lopt(
      ['train', ...RUN, '--engine', 'native', '--out', out],
      undefined,
      WITHOUT_NATIVE,
    );
    assert.equal(code, 0);
    assert.match(stderr, sentence);
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
  });
});
