/**
 * Keys: who a worker is, and who coordinates. A worker has an X25519 key pair, from which it and the coordinator derive a
 * secret that only the two know; a coordinator signs with Ed25519 what it says to all. Keys live as long as their process,
 * or in a PEM file, as `openssl genpkey -algorithm x25519` makes one too.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { FileError } from './errors.js';
import { readFileNamed } from './files.js';
import { shapeError } from './shape.js';

/** `x25519` agrees on secrets, `ed25519` signs. */
export type KeyKind = 'x25519' | 'ed25519';

/** A key pair; the public key as text: 32 bytes in 43 letters, digits, hyphens and underscores. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: string;
}

/** What a public key looks like as text: the last of its letters holds four bits. */
export const PUBLIC_KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/** Bytes of a public key. */
export const PUBLIC_KEY_BYTES = 32;
/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

/** A key pair that nobody had before. */
export function newKeyPair(kind: KeyKind): KeyPair {
  // TypeScript knows no overload for a kind that is one of two
  const { privateKey } = kind === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ed25519');
  return pairOf(privateKey);
}

/** The key pair of a PEM file; throws FileError if it holds another kind of key, or none. */
export function readKeyPair(path: string, kind: KeyKind): KeyPair {
  const pem = readFileNamed(path, 'a key');
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType === kind) return pairOf(privateKey);
  } catch {
    // the error may hold a part of the secret: the sentence below says what the file must hold
  }
  throw new FileError(path, `Cannot use the key: ${path} must hold a private ${kind} key in PEM, and it does not`);
}

/** A private key as PEM. */
export function pemOf({ privateKey }: KeyPair): string {
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/**
 * The secret that two key pairs share, known to nobody else.
 * @param context what it is used for: secrets of other contexts say nothing of this one
 */
export function sharedSecret(own: KeyPair, other: string, context: string): Buffer {
  const agreed = diffieHellman({ privateKey: own.privateKey, publicKey: publicKeyOf('x25519', other) });
  return Buffer.from(hkdfSync('sha256', agreed, '', context, 32));
}

/** The signature of some bytes. */
export function signatureOf(bytes: Uint8Array, { privateKey }: KeyPair): Buffer {
  return sign(null, bytes, privateKey);
}

/** Whether a signature of some bytes was made with a public key's private one. */
export function isSigned(bytes: Uint8Array, signature: Uint8Array, signer: string): boolean {
  return verify(null, bytes, publicKeyOf('ed25519', signer), signature);
}

/** Public keys that were read before: reading one takes as long as using it. */
const known = new Map<string, KeyObject>();
const MOST_KNOWN = 1024;

function publicKeyOf(kind: KeyKind, text: string): KeyObject {
  const name = `${kind} ${text}`;
  const before = known.get(name);
  if (before) return before;
  if (!PUBLIC_KEY.test(text)) throw shapeError('key', `a public key like ${PUBLIC_KEY.source}`, text);
  const crv = kind === 'x25519' ? 'X25519' : 'Ed25519';
  const key = createPublicKey({ key: { kty: 'OKP', crv, x: text }, format: 'jwk' });
  if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value!);
  known.set(name, key);
  return key;
}

function pairOf(privateKey: KeyObject): KeyPair {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { privateKey, publicKey: x! };
}
