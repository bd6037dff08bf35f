/** Who may join a run: a worker that computes its bits, is listed if there is a list, and was not found to compute others. */
import type { Address } from '../shared/bus/bus.js';
import { partsOf } from '../shared/bus/seals.js';
import { type HelloMessage, PROTOCOL } from '../shared/messages.js';

export interface AdmissionOptions {
  digest: string;
  /** The run's, once it has one. */
  fingerprint: string | null;
  /** The keys of the workers that may join, by name. @default any worker may join */
  listed?: ReadonlyMap<string, string> | undefined;
}

export class Admission {
  readonly #digest: string;
  readonly #listed: ReadonlyMap<string, string> | undefined;
  /** Why a worker may not come back, by its name and by its key. */
  readonly #banned = new Map<string, string>();
  #fingerprint: string | null;

  constructor({ digest, fingerprint, listed }: AdmissionOptions) {
    this.#digest = digest;
    this.#fingerprint = fingerprint;
    this.#listed = listed;
  }

  /** What the engine of the run's workers is; null before its first result. */
  get fingerprint(): string | null {
    return this.#fingerprint;
  }

  /** A result has counted: the run is one of its engine from now on. */
  fix(fingerprint: string): void {
    this.#fingerprint = fingerprint;
  }

  /** Why a worker may not join; undefined if it may. */
  refusal(
    { worker, fingerprint, protocol, digest }: Pick<HelloMessage, 'worker' | 'fingerprint' | 'protocol' | 'digest'>,
    from: Address,
  ): string | undefined {
    const expected = this.#fingerprint ?? fingerprint;
    const ban = this.#banned.get(worker) ?? this.#banned.get(keyIn(from));
    if (ban !== undefined) return ban;
    if (protocol !== PROTOCOL) return `it speaks protocol ${protocol}, and this run protocol ${PROTOCOL}`;
    if (this.#listed && partsOf(from).key !== this.#listed.get(worker)) {
      return this.#listed.has(worker) ? 'its key is not the one that is listed for its name' : 'its name is not listed';
    }
    if (digest !== this.#digest) return 'its configuration is another one';
    if (fingerprint !== expected) return bitsOf(fingerprint, expected);
    return undefined;
  }

  /** A worker may not come back: neither with another key, nor under another name. */
  ban(worker: string, from: Address, reason: string): void {
    this.#banned.set(worker, reason).set(keyIn(from), reason);
  }
}

/** The key in an address, which no name equals; the address itself if it has none. */
function keyIn(address: Address): string {
  const { key } = partsOf(address);
  return key === undefined ? address : `key ${key}`;
}

/** Why a worker of another engine may not work on a run. */
export function bitsOf(fingerprint: string, expected: string): string {
  return `its engine computes other bits: it is "${fingerprint}", and this run's is "${expected}"`;
}
