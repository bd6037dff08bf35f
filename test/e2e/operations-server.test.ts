import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProcess } from './harness.js';

test('OperationsServer does not keep a process whose work is done', async () => {
  const module = new URL('../../deploy/operations/server.js', import.meta.url).href;
  const script = `
    import { OperationsServer } from ${JSON.stringify(module)};
    const registry = { contentType: 'text/plain', metrics: async () => '' };
    const { url } = await OperationsServer.start({ registry, checks: {}, port: 0 });
    console.log((await fetch(url + '/livez')).status);
  `;
  const { code, stdout } = await startProcess(['--input-type=module', '--eval', script]).ended;
  assert.deepEqual([code, stdout], [0, '200\n']);
});
