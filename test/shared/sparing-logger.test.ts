import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SparingLogger } from '../../shared/sparing-logger.js';
import { Lines } from '../fixtures/lines.js';

it('SparingLogger says the first lines, then one now and then with what was left out, and begins again after a quiet while', () => {
  const lines = new Lines();
  let now = 0;
  const logger = new SparingLogger(lines, { burst: 2, everyMs: 10, now: () => now });
  for (let i = 0; i < 6; i++) logger.warn(`line ${i}`);
  assert.deepEqual(lines.lines, ['line 0', 'line 1']);
  now = 10;
  logger.error('later');
  logger.info('too soon');
  assert.deepEqual(lines.lines.slice(2), ['later (and 4 like it before)']);
  now = 30;
  for (const line of ['a', 'b', 'c']) logger.info(line);
  assert.deepEqual(lines.lines.slice(3), ['a (and 1 like it before)', 'b']);
});
