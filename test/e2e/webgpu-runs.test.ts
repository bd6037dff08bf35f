import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { probeEngine } from '../../deploy/run/engine-probe.js';
import { testEngineRuns } from '../contracts/engine-runs.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { swiftShaderEnvironment } from '../fixtures/swiftshader.js';
import { lopt, sha256OfFile, wordsOf } from './harness.js';

// the processes and threads that are started here have this environment, too
Object.assign(process.env, swiftShaderEnvironment());
const report = await probeEngine('webgpu');
const missing = report.usable ? undefined : report.reason;

testEngineRuns({
  engine: 'webgpu',
  missing,
  unterminated: 'Dawn ends the process where a thread of it is terminated within a call',
});

it('a run whose devices are lost gives the same φ to the last bit', { skip: missing ?? false }, async (context) => {
  // from dist/test/e2e, where this file is compiled to
  const module = fileURLToPath(new URL('../../../test/fixtures/modules/device-destroyer.js', import.meta.url));
  const shape = {
    shards: 3,
    problems: 2,
    horizon: 9,
    unroll: 4,
    layers: '3',
    'evaluate-every': 5,
    'evaluate-functions': 2,
  };
  const words = wordsOf({ ...shape, engine: 'webgpu', rounds: 9, 'problem-module': module });
  const folder = temporaryFolder(context);
  const hashes: string[] = [];
  for (const step of ['', '6']) {
    process.env['LOPT_DESTROY_AT'] = step;
    const out = join(folder, `lost${step}`);
    const { code, stdout, stderr } = await lopt(['train', ...words, '--out', out]);
    assert.equal(code, 0, stderr);
    assert.equal(/ are replayed/.test(stdout + stderr), step !== '');
    hashes.push(sha256OfFile(join(out, 'last.safetensors')));
  }
  delete process.env['LOPT_DESTROY_AT'];
  assert.equal(hashes[1], hashes[0]);
});
