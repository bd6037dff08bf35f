/** The flags for a role's metrics and logs. */
import { checkChoice, checkNumber } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import { LOG_FORMATS, type LogFormat } from '../../shared/logger.js';
import type { Flags } from '../run/train-flags.js';
import type { OperationsOptions } from './server.js';

/** For commands that run a role. */
export const OPERATIONS_FLAGS = {
  'metrics-port': 'serve /livez, /readyz and /metrics on this port (default: off)',
  'metrics-host': 'address to serve them on (default: 127.0.0.1)',
  'log-format': 'text, or json with one object per line (default: text)',
} as const;

/** The address for a role's metrics; undefined if it serves none. Throws UsageError. */
export function metricsAddress(task: string, flags: Flags): Pick<OperationsOptions, 'port' | 'host'> | undefined {
  const { 'metrics-port': port, 'metrics-host': host } = flags;
  if (port === undefined) {
    if (host === undefined) return undefined;
    throw new UsageError(`${task}: "metrics-host" needs a "metrics-port" beside it`);
  }
  return {
    port: checkNumber(task, 'metrics-port', port, { integer: true, minimum: 0, maximum: 65535 }),
    ...(host === undefined ? {} : { host: String(host) }),
  };
}

/** The format of a role's log. Throws UsageError. */
export function logFormat(task: string, flags: Flags): LogFormat {
  return checkChoice(task, 'log-format', flags['log-format'] ?? 'text', LOG_FORMATS);
}
