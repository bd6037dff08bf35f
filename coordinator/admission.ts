/** Who may join a run: a worker that computes its bits, and has not been found to compute others. */
import { type HelloMessage, PROTOCOL } from '../shared/messages.js';

export class Admission {
  readonly #digest: string;
  /** Why a worker may not come back, by its name. */
  readonly #banned = new Map<string, string>();
  #fingerprint: string | null;

  /** @param fingerprint the run's, once it has one: else that of the first worker */
  constructor(digest: string, fingerprint: string | null) {
    this.#digest = digest;
    this.#fingerprint = fingerprint;
  }

  /** What the engine of the run's workers is; null before the first one. */
  get fingerprint(): string | null {
    return this.#fingerprint;
  }

  /** Why a worker may not join; undefined if it may, and then the run is one of its engine. */
  admit({ worker, fingerprint, protocol, digest }: HelloMessage): string | undefined {
    const expected = this.#fingerprint ?? fingerprint;
    const ban = this.#banned.get(worker);
    if (ban !== undefined) return ban;
    if (protocol !== PROTOCOL) return `it speaks protocol ${protocol}, and this run protocol ${PROTOCOL}`;
    if (digest !== this.#digest) return 'its configuration is another one';
    if (fingerprint !== expected) {
      return `its engine computes other bits: it is "${fingerprint}", and this run's is "${expected}"`;
    }
    this.#fingerprint = fingerprint;
    return undefined;
  }

  /** A worker may not come back, whatever it is started as. */
  ban(worker: string, reason: string): void {
    this.#banned.set(worker, reason);
  }
}
