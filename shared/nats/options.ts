/** How to reach a NATS server, and the sentence for each way in which that can fail. */
import { type Authenticator, type ConnectionOptions, credsAuthenticator, nkeyAuthenticator, nkeys } from 'nats';
import { ClusterError, FileError, messageOf, UsageError } from '../errors.js';
import { readFileNamed } from '../files.js';
import { plainText } from '../plain-text.js';
import { isToken } from '../subjects.js';
import { type Greeting, greetingOf } from './greeting.js';

/** Where the server is, and who connects. Secrets appear in no error and no log line. */
export interface NatsOptions {
  /** Servers of one cluster, separated by commas: `nats://host:4222`; `tls://` demands TLS; `user:password@` may come first. */
  url: string;
  user?: string;
  password?: string;
  token?: string;
  /** File that holds an nkey's seed. */
  nkeyFile?: string;
  /** File that holds a JWT and its nkey's seed. */
  credsFile?: string;
  /** PEM file of the authorities to trust for the server's certificate. Each of these three files demands TLS. */
  caFile?: string;
  /** PEM file of this client's certificate. */
  certFile?: string;
  /** PEM file of the certificate's key. */
  keyFile?: string;
}

const TASK = 'Cannot connect to NATS';
const DEFAULT_PORT = 4222;

interface Address {
  host: string;
  tls: boolean;
  user: string | undefined;
  password: string | undefined;
}

function parseAddress(text: string): Address {
  const withScheme = text.includes('://') ? text : `nats://${text}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    // the text may hold a password
    throw new UsageError(`${TASK}: "url" must be like nats://host:4222, and it cannot be read as a URL`);
  }
  if (url.protocol !== 'nats:' && url.protocol !== 'tls:') {
    throw new UsageError(`${TASK}: "url" must begin with nats:// or tls://, got ${url.protocol}//${url.host}`);
  }
  if (url.hostname === '') throw new UsageError(`${TASK}: "url" must name a host, as in nats://host:4222`);
  return {
    host: `${url.hostname}:${url.port || DEFAULT_PORT}`,
    tls: url.protocol === 'tls:',
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
  };
}

function addressesOf({ url }: NatsOptions): Address[] {
  return url
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map(parseAddress);
}

/** The servers for messages: without a password. */
export function serverNames(options: NatsOptions): string {
  return addressesOf(options)
    .map(({ host, tls }) => `${tls ? 'tls' : 'nats'}://${host}`)
    .join(', ');
}

/** The client's options. Throws UsageError and FileError if something cannot be used. */
export function connectionOptions(options: NatsOptions): ConnectionOptions {
  const addresses = addressesOf(options);
  const [first] = addresses;
  if (!first) throw new UsageError(`${TASK}: "url" must be like nats://host:4222, got ${JSON.stringify(options.url)}`);
  const user = options.user ?? first.user;
  const pass = options.password ?? first.password;
  const ways = { user, token: options.token, nkey: options.nkeyFile, creds: options.credsFile };
  const given = Object.entries(ways).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length > 1) throw new UsageError(`${TASK}: only one of ${given.join(', ')} must be given`);
  if (user === undefined && pass !== undefined) throw new UsageError(`${TASK}: a password must come with a user`);
  if ((options.certFile === undefined) !== (options.keyFile === undefined)) {
    throw new UsageError(`${TASK}: a certificate and its key must be given together`);
  }
  return {
    servers: addresses.map(({ host }) => host),
    ...(user === undefined ? {} : { user, pass: pass ?? '' }),
    ...(options.token === undefined ? {} : { token: options.token }),
    ...authenticatorOf(options),
    ...inboxOf(options, user),
    ...tlsOf(
      options,
      addresses.some(({ tls }) => tls),
    ),
  };
}

function authenticatorOf({ nkeyFile, credsFile }: NatsOptions): Pick<ConnectionOptions, 'authenticator'> {
  if (nkeyFile !== undefined) {
    const seed = readFileNamed(nkeyFile, 'an nkey').toString('utf8').trim();
    return checked(nkeyFile, "an nkey's seed", nkeyAuthenticator(new TextEncoder().encode(seed)));
  }
  if (credsFile !== undefined) {
    return checked(credsFile, 'NATS credentials', credsAuthenticator(readFileNamed(credsFile, 'credentials')));
  }
  return {};
}

/**
 * Answers come to subjects below `_INBOX.` and the user's name, or its nkey's public key: permissions can then keep one user
 * from reading the answers to another.
 */
function inboxOf({ nkeyFile }: NatsOptions, user: string | undefined): Pick<ConnectionOptions, 'inboxPrefix'> {
  const name = nkeyFile === undefined ? user : publicNkeyOf(nkeyFile);
  return name !== undefined && isToken(name) ? { inboxPrefix: `_INBOX.${name}` } : {};
}

function publicNkeyOf(path: string): string {
  return nkeys
    .fromSeed(new TextEncoder().encode(readFileNamed(path, 'an nkey').toString('utf8').trim()))
    .getPublicKey();
}

/** The authenticator, if it can sign: a wrong file shows only at the first signature. */
function checked(path: string, what: string, authenticator: Authenticator): Pick<ConnectionOptions, 'authenticator'> {
  try {
    authenticator('nonce');
  } catch {
    // the error may hold a part of the secret
    throw new FileError(path, `${TASK}: ${path} must hold ${what}, and it is damaged or something else`);
  }
  return { authenticator };
}

function tlsOf({ caFile, certFile, keyFile }: NatsOptions, demanded: boolean): Pick<ConnectionOptions, 'tls'> {
  if (!demanded && caFile === undefined && certFile === undefined) return {};
  const read = (path: string, what: string) => readFileNamed(path, what).toString('utf8');
  return {
    tls: {
      ...(caFile === undefined ? {} : { ca: read(caFile, 'the certificate authorities') }),
      ...(certFile === undefined ? {} : { cert: read(certFile, 'the certificate') }),
      ...(keyFile === undefined ? {} : { key: read(keyFile, "the certificate's key") }),
    },
  };
}

/** A failed connection, as a sentence. */
export interface ConnectFailure {
  error: ClusterError;
  /** Whether another try may succeed with nothing changed here. */
  mayPass: boolean;
}

/** Why there is no connection, in a sentence that says what would be right. */
export async function connectFailure(options: NatsOptions, cause: unknown): Promise<ConnectFailure> {
  const code = codeOf(cause);
  // the client hears neither that a certificate was missing nor why a server takes no connection
  const heard = code === 'TIMEOUT' ? await greetingsOf(options) : [];
  const [why, mayPass] = greetedReason(heard) ?? reasonOf(options, code, plainText(messageOf(cause)));
  return { error: new ClusterError(`${TASK} at ${serverNames(options)}: ${why}`, { cause }), mayPass };
}

const WITHOUT_CERTIFICATE = 'it demands a client certificate that it trusts';

/** The greetings of those servers that greet. */
async function greetingsOf(options: NatsOptions): Promise<Greeting[]> {
  const greetings = addressesOf(options).map(({ host }) => {
    const { hostname, port } = new URL(`nats://${host}`);
    return greetingOf(hostname.replace(/^\[|\]$/g, ''), Number(port));
  });
  return (await Promise.all(greetings)).filter((greeting) => greeting !== undefined);
}

/** Why a server that greets lets nobody in, and whether that may pass; undefined if none greets. */
function greetedReason(heard: readonly Greeting[]): readonly [string, boolean] | undefined {
  const [first] = heard;
  if (!first) return undefined;
  if (heard.some(({ demandsCertificate }) => demandsCertificate)) return [WITHOUT_CERTIFICATE, false];
  const complaint = heard.map((greeting) => greeting.complaint).find((each) => each !== undefined);
  if (complaint === undefined) return ['it greets, but takes no connection of this client; its log says why', true];
  const hint = complaint.includes('maximum connections')
    ? '; allow it more (max_connections), or end what is connected'
    : '';
  return [`it says "${plainText(complaint)}"${hint}`, true];
}

function codeOf(cause: unknown): string {
  const { code, chainedError } = (cause ?? {}) as { code?: unknown; chainedError?: unknown };
  const own = typeof code === 'string' ? code : '';
  return own === 'TLS' && chainedError ? codeOf(chainedError) : own;
}

function reasonOf(options: NatsOptions, code: string, text: string): readonly [string, boolean] {
  const known = REASONS.find(({ codes }) => codes.test(code) || codes.test(text));
  if (!known) return [text === '' ? 'the connection was closed' : text, true];
  return [typeof known.why === 'string' ? known.why : known.why(options, text), known.mayPass];
}

const REASONS: { codes: RegExp; why: string | ((options: NatsOptions, text: string) => string); mayPass: boolean }[] = [
  {
    codes: /CONNECTION_REFUSED|ECONNREFUSED/,
    why: 'no server listens there; start one, as with nats-server -js, or name another with --nats',
    mayPass: true,
  },
  { codes: /ENOTFOUND|EAI_AGAIN/, why: 'there is no host of this name', mayPass: true },
  { codes: /^TIMEOUT$|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, why: 'no server answers', mayPass: true },
  {
    codes: /AUTHORIZATION_VIOLATION|AUTHENTICATION|ACCOUNT_EXPIRED|BAD_AUTHENTICATION/,
    why: (options) =>
      hasCredentials(options) ? 'it refuses these credentials' : 'it demands credentials, and none were given',
    mayPass: false,
  },
  { codes: /^SERVER_OPT_NA$/, why: 'TLS was demanded, and the server does not offer it', mayPass: false },
  {
    codes: /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_|ALTNAME|CERTIFICATE_VERIFY/,
    why: (_options, text) => `its certificate cannot be trusted (${text}); name the authority that signed it`,
    mayPass: false,
  },
  {
    codes: /CERTIFICATE_REQUIRED|BAD_CERTIFICATE|alert number (42|116)/i,
    why: WITHOUT_CERTIFICATE,
    mayPass: false,
  },
  { codes: /unexpected response from server|JSON/, why: 'the server there is not a NATS server', mayPass: false },
];

function hasCredentials(options: NatsOptions): boolean {
  const { user, token, nkeyFile, credsFile } = options;
  const inUrl = addressesOf(options).some((address) => address.user !== undefined);
  return inUrl || [user, token, nkeyFile, credsFile].some((value) => value !== undefined);
}
