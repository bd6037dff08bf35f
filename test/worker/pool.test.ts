import assert from 'node:assert/strict';
import { it } from 'node:test';
import { digestOf } from '../../shared/config.js';
import { Pool } from '../../worker/pool.js';
import { smallRun } from '../e2e/harness.js';

it('Pool computes on after all of its threads died', async (context) => {
  const pool = new Pool(2);
  context.after(() => pool.close());
  const { config } = await smallRun();
  const session = { digest: digestOf(config), config };
  const fingerprint = await pool.fingerprint(session);
  for (let death = 0; death < 3; death++) {
    await Promise.all([pool.terminateThread(0), pool.terminateThread(1)]);
    assert.equal(await pool.fingerprint(session), fingerprint);
  }
});
