/** The flags of a live page. */
import { checkNumber } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import type { Flags } from '../run/train-flags.js';
import { isLoopback } from './access.js';
import type { LiveAddress } from './start-thread.js';

/** For commands that lead runs. */
export const LIVE_FLAGS = {
  ui: 'serve a live page on this port; 0 for a free one (default: off)',
  'ui-host':
    'address to serve it on (default: 127.0.0.1); on any other, browsers need a token, LOPT_UI_TOKEN or a random one',
} as const;

const LEAST_TOKEN = 16;

/** The address of the live page; undefined if there is none. Throws UsageError. */
export function liveAddress(
  task: string,
  flags: Flags,
  environment: NodeJS.ProcessEnv = process.env,
): LiveAddress | undefined {
  if (flags['ui'] === undefined) {
    if (flags['ui-host'] === undefined) return undefined;
    throw new UsageError(`${task}: "ui-host" needs a "ui" beside it`);
  }
  const port = checkNumber(task, 'ui', flags['ui'], { integer: true, minimum: 0, maximum: 65535 });
  const host = String(flags['ui-host'] ?? '127.0.0.1');
  const token = environment['LOPT_UI_TOKEN'] || undefined;
  if (!isLoopback(host) && token !== undefined && token.length < LEAST_TOKEN) {
    throw new UsageError(`${task}: LOPT_UI_TOKEN must have at least ${LEAST_TOKEN} characters, got ${token.length}`);
  }
  return { port, host, token };
}
