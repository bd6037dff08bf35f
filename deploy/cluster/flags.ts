/** How a command reaches NATS: flags, and environment variables for secrets. */
import { show } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import type { NatsOptions } from '../../shared/nats/options.js';
import { DEFAULT_PREFIX } from '../../shared/subjects.js';
import type { Flags } from '../run/train-flags.js';

const DEFAULT_URL = 'nats://127.0.0.1:4222';

/** Every flag with its environment variable and its place in the options. */
const PLACES = {
  nats: { variable: 'NATS_URL', option: 'url', describe: `servers, separated by commas (default ${DEFAULT_URL})` },
  'nats-user': { variable: 'NATS_USER', option: 'user', describe: 'user; the password comes from NATS_PASSWORD' },
  'nats-nkey': { variable: 'NATS_NKEY', option: 'nkeyFile', describe: "file with an nkey's seed" },
  'nats-creds': { variable: 'NATS_CREDS', option: 'credsFile', describe: 'credentials file' },
  'nats-tls-ca': { variable: 'NATS_CA', option: 'caFile', describe: 'PEM file of trusted authorities' },
  'nats-tls-cert': { variable: 'NATS_CERT', option: 'certFile', describe: 'PEM file of a client certificate' },
  'nats-tls-key': { variable: 'NATS_KEY', option: 'keyFile', describe: "PEM file of the certificate's key" },
} as const satisfies Record<string, { variable: string; option: keyof NatsOptions; describe: string }>;

/** The flags. Passwords and tokens come from the environment only: anybody on the machine can read a command line. */
export const NATS_FLAGS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(PLACES).map(([name, { describe, variable }]) => [name, `${describe}; also ${variable}`]),
  ),
  prefix: `prefix of lopt's names on the server (default ${DEFAULT_PREFIX}); also LOPT_PREFIX`,
};

/** Where the server is, and the prefix of lopt's names there. Throws UsageError. */
export function natsFlags(
  task: string,
  flags: Flags,
  environment: NodeJS.ProcessEnv = process.env,
): { nats: NatsOptions; prefix: string } {
  const nats: NatsOptions = { url: DEFAULT_URL };
  for (const [name, { variable, option }] of Object.entries(PLACES)) {
    const value = flags[name] ?? (environment[variable] || undefined);
    if (value === undefined) continue;
    if (typeof value !== 'string' || value === '') {
      throw new UsageError(`${task}: "${name}" must be text, got ${show(value)}`);
    }
    nats[option] = value;
  }
  if (/\/\/[^@/]*:[^@/]*@/.test(String(flags['nats'] ?? ''))) {
    throw new UsageError(`${task}: "nats" must not hold a password, which others could see; put it into NATS_PASSWORD`);
  }
  const { NATS_PASSWORD: password, NATS_TOKEN: token, LOPT_PREFIX } = environment;
  if (password) nats.password = password;
  if (token) nats.token = token;
  return { nats, prefix: String(flags['prefix'] ?? (LOPT_PREFIX || DEFAULT_PREFIX)) };
}
