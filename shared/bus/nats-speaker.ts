/** What both ends of the bus over NATS need: to send a message in sealed parts, and to listen until the bus is closed. */
import { encode } from '../codec.js';
import { messageOf } from '../errors.js';
import type { ToCoordinator, ToWorker } from '../messages.js';
import type { Incoming, Lane } from '../nats/lane.js';
import type { NatsLink } from '../nats/link.js';
import { ShapeError } from '../shape.js';
import type { Unsubscribe } from './bus.js';
import type { DropLog } from './drop-log.js';
import { type Freshness, newSession } from './freshness.js';
import { cut, type Packet, type PacketFields, partBytes } from './packet.js';

export class NatsSpeaker {
  readonly #link: NatsLink;
  readonly #drops: DropLog;
  readonly #subscriptions = new Set<Unsubscribe>();
  #session = newSession();
  #message = 0;
  #closed = false;

  constructor(link: NatsLink, drops: DropLog) {
    this.#link = link;
    this.#drops = drops;
    // what was under way when the connection was lost has not arrived
    this.onReconnect(() => {
      this.#session = newSession();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends a message in parts, on the connection for control.
   * @param seal makes a packet of a part; of what it cannot seal, nobody could open anything, so that is lost
   */
  send(
    subject: string,
    message: ToCoordinator | ToWorker,
    seal: (fields: PacketFields) => Uint8Array | undefined,
    reply?: string,
  ): void {
    if (this.#closed) return;
    const { control } = this.#link;
    const bytes = encode(message);
    const parts = cut(bytes, partBytes(control.maxPayload));
    this.#message += 1;
    parts.forEach((payload, index) => {
      const place = { session: this.#session, message: this.#message, index, count: parts.length, size: bytes.length };
      const packet = seal({ kind: 'part', ...place, payload });
      if (packet) control.publish(subject, packet, reply);
    });
  }

  /** Listens until the end of the subscription or of the bus. */
  listen(lane: Lane, subject: string, handler: (message: Incoming) => void): Unsubscribe {
    const end = lane.subscribe(subject, (message) => {
      if (!this.#closed) handler(message);
    });
    return this.#keep(end);
  }

  /** Calls the handler when either connection is back after a loss, until the end of the bus. */
  onReconnect(handler: () => void): Unsubscribe {
    return this.#keep(this.#link.onReconnect(handler));
  }

  /** What `read` returns; if it throws, what came in was bad, and is dropped. */
  checked<Result>(subject: string, read: () => Result): Result | undefined {
    try {
      return read();
    } catch (error) {
      this.#drops.drop(subject, messageOf(error));
      return undefined;
    }
  }

  /** Sends and hears nothing any more. */
  close(): void {
    this.#closed = true;
    for (const end of this.#subscriptions) end();
    this.#subscriptions.clear();
  }

  #keep(end: Unsubscribe): Unsubscribe {
    this.#subscriptions.add(end);
    return () => {
      this.#subscriptions.delete(end);
      end();
    };
  }
}

/** Throws ShapeError if a packet, or a later one from its place, has come before. */
export function checkFresh(heard: Freshness, place: string, packet: Packet): void {
  if (heard.isFresh(place, packet)) return;
  throw new ShapeError('it came before, or later ones did: somebody sends it again');
}
