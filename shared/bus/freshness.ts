/**
 * Whether a message is newer than what came before from the same place: one that was heard and sent again is not. A
 * sender counts its messages within a session, and names its sessions so that later ones sort behind.
 */
import { randomBytes } from 'node:crypto';
import type { Packet } from './packet.js';

let newest = 0;

/** The name of a session of this process: milliseconds since 1970, then random digits; 16 hexadecimal digits together. */
export function newSession(): string {
  newest = Math.max(newest + 1, Date.now());
  return newest.toString(16).padStart(12, '0') + randomBytes(2).toString('hex');
}

/** When a packet's message was sent, for comparisons with others of its sender. */
export function stampOf({ session, message }: Pick<Packet, 'session' | 'message'>): string {
  return session + message.toString(16).padStart(8, '0');
}

/** Places that are remembered. */
const MOST_PLACES = 10_000;

export class Freshness {
  readonly #newest = new Map<string, string>();

  /** Whether a packet may be a part of a message that has not come from this place yet. */
  isFresh(place: string, packet: Packet): boolean {
    return stampOf(packet) > (this.#newest.get(place) ?? '');
  }

  /** The packet's message has come whole. */
  came(place: string, packet: Packet): void {
    this.#newest.delete(place);
    this.#newest.set(place, stampOf(packet));
    if (this.#newest.size > MOST_PLACES) this.#newest.delete(this.#newest.keys().next().value!);
  }

  /** Remembers nothing but that what follows must be newer than a packet, wherever it comes from. */
  restart(places: readonly string[], packet: Packet): void {
    this.#newest.clear();
    for (const place of places) this.#newest.set(place, stampOf(packet));
  }
}
