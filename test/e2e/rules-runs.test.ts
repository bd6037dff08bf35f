/** Runs of the perceptron by evolution strategies, on networks that every episode draws: the same φ however they are computed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { nativeFault } from '../../worker/devices/native/load.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { CLI, lopt, reaches, sha256OfFile, startProcess, wordsOf } from './harness.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

const ROUNDS = 30;
const FLAGS = {
  architecture: 'mlp',
  'problem.size': 8,
  'problem.hidden': '8|12,6',
  'problem.activation': 'relu|tanh',
  'problem.batch': 16,
  'problem.initialisation': 'fan-in',
  'problem.permute-labels': 'true',
  'scale-tensors': 1,
  shards: 5,
  problems: 1,
  horizon: '10..40',
  unroll: 5,
  'evaluate-functions': 8,
  'evaluate-every': 15,
  rounds: ROUNDS,
};

/** What is trained by what. */
const CASES = [
  { rule: 'general', estimator: 'nres' },
  { rule: 'small-fc', estimator: 'pes' },
  { rule: 'celo2', estimator: 'es', orthogonalise: true },
  { rule: 'control', estimator: 'pes' },
] as const;

function runOf(flags: object): string[] {
  return ['mlp', ...wordsOf({ ...FLAGS, ...flags })];
}

/** Trains to the end; the hash of φ. */
async function train(folder: string, flags: object): Promise<string> {
  const out = join(folder, 'run');
  const { code, stderr } = await lopt(['train', ...runOf(flags), '--compare=false', '--out', out]);
  assert.deepEqual([code, stderr], [0, '']);
  return sha256OfFile(join(out, 'last.safetensors'));
}

for (const [index, own] of CASES.entries()) {
  const { rule, estimator } = own;
  describe(`rule ${rule} by ${estimator} gives the same φ to the last bit`, { timeout: 180_000 }, () => {
    let expected = '';

    it('with 1 thread on wasm, and with 5 on native', { skip: nativeFault() }, async (test) => {
      expected = await train(temporaryFolder(test), { ...own, engine: 'wasm', threads: 1 });
      assert.equal(await train(temporaryFolder(test), { ...own, engine: 'native', threads: 5 }), expected);
    });

    // one of each kind of state
    if (index > 1) return;

    it('killed and resumed', { skip: nativeFault() }, async (test) => {
      const out = join(temporaryFolder(test), 'run');
      const started = startProcess([CLI, 'train', ...runOf({ ...own, threads: 2 }), '--compare=false', '--out', out]);
      await reaches(started.child, join(out, 'metrics.jsonl'), 12);
      started.child.kill('SIGKILL');
      await started.ended;
      const { code } = await lopt(['train', '--resume', '--compare=false', '--out', out]);
      assert.equal(code, 0);
      assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    });

    it('on 3 workers', { skip: WITHOUT_NATS || nativeFault() }, async (test) => {
      const nats = ['--nats', server!.url, '--run', estimator];
      const out = join(temporaryFolder(test), 'run');
      const workers = [0, 1, 2].map((i) =>
        startProcess([CLI, 'worker', '--threads', '1', '--name', `${estimator}${i}`, ...nats]),
      );
      test.after(async () => {
        for (const { child } of workers) child.kill('SIGKILL');
        await Promise.all(workers.map(({ ended }) => ended));
      });
      const { code, stderr } = await lopt(['coordinator', ...runOf(own), '--out', out, ...nats]);
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    });
  });
}
