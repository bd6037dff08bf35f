import assert from 'node:assert/strict';
import { it } from 'node:test';
import { digestOf } from '../../shared/config.js';
import { Pool } from '../../worker/pool.js';
import { smallRun } from '../e2e/harness.js';

it('Pool goes on when a thread dies between tasks, and the one that takes its place while it starts', async () => {
  const { config } = await smallRun();
  const session = { digest: digestOf(config), config };
  const pool = new Pool(1);
  try {
    const fingerprint = await pool.fingerprint(session);
    await pool.terminateThread(0);
    const asked = pool.fingerprint(session);
    await pool.terminateThread(0);
    assert.equal(await asked, fingerprint);
  } finally {
    await pool.close();
  }
});
