/**
 * Seals: the end of a packet that proves who sent it. A worker's holds its name, its public key and a MAC under the secret
 * that it shares with the coordinator; the answers to it hold a MAC under the same secret. What the coordinator says to
 * workers, one or all, holds its public key and a signature. Opening a packet throws ShapeError if its seal is wrong.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isSigned, type KeyPair, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, sharedSecret, signatureOf } from '../keys.js';
import { type CoordinatorKeys, PROTOCOL } from '../messages.js';
import { ShapeError } from '../shape.js';
import { isToken } from '../subjects.js';
import type { Address } from './bus.js';
import { decodePacket, encodePacket, type Packet, type PacketFields, sealedParts } from './packet.js';

const SEPARATOR = '.';
/** A MAC is cut to 128 bits. */
const MAC_BYTES = 16;
/** What the coordinator's answers are sent on, as far as their MAC goes. */
const ANSWER = 'answer';
/** The length of the name, the key and the MAC. */
const WORKER_SEAL = 1 + PUBLIC_KEY_BYTES + MAC_BYTES;
const COORDINATOR_SEAL = PUBLIC_KEY_BYTES + SIGNATURE_BYTES;

/** The address of a worker with a key. */
export function addressOf(worker: string, key: string): Address {
  return `${worker}${SEPARATOR}${key}`;
}

/** The name in an address, and the key if it has one. */
export function partsOf(address: Address): { worker: string; key: string | undefined } {
  const [worker, key] = address.split(SEPARATOR) as [string, string | undefined];
  return { worker, key };
}

/** A packet that a worker sent. */
export interface WorkersPacket {
  packet: Packet;
  from: Address;
}

/** What a worker sends to one coordinator. */
export class WorkerSealer {
  readonly #key: string;
  readonly #secret: Buffer;

  /** @param run which run, and which member of it @param coordinator its public key for agreeing on secrets */
  constructor(run: string, own: KeyPair, coordinator: string) {
    this.#key = own.publicKey;
    this.#secret = sharedSecret(own, coordinator, contextOf(run));
  }

  /** A packet of a worker of this name, on a subject. */
  seal(subject: string, worker: string, fields: PacketFields): Buffer {
    const name = Buffer.from(worker, 'latin1');
    return encodePacket(fields, {
      bytes: name.length + WORKER_SEAL,
      write: (packet) => {
        const at = packet.length - WORKER_SEAL;
        packet.set(name, at - name.length);
        packet.writeUInt8(name.length, at);
        packet.write(this.#key, at + 1, 'base64url');
        packet.set(macOf(this.#secret, subject, packet), packet.length - MAC_BYTES);
      },
    });
  }

  /** The coordinator's answer to a packet. */
  openAnswer(bytes: Uint8Array): Packet {
    const packet = ofThisProtocol(decodePacket(bytes));
    checkMac(this.#secret, ANSWER, bytes);
    return without(packet, MAC_BYTES);
  }
}

/** The secrets that a coordinator shares with workers are kept for so many of them. */
const MOST_SECRETS = 4096;

/** What a coordinator sends, and the packets of its workers. */
export class CoordinatorSealer {
  readonly #context: string;
  readonly #signing: KeyPair;
  readonly #agreeing: KeyPair;
  /** By worker's key. */
  readonly #secrets = new Map<string, Buffer>();

  /** @param run which run, and which member of it */
  constructor(run: string, signing: KeyPair, agreeing: KeyPair) {
    this.#context = contextOf(run);
    this.#signing = signing;
    this.#agreeing = agreeing;
  }

  /** What workers must know to hear it, and to be heard. */
  get keys(): CoordinatorKeys {
    return { sign: this.#signing.publicKey, agree: this.#agreeing.publicKey };
  }

  /** A packet on a subject, for one worker or all. */
  seal(subject: string, fields: PacketFields): Buffer {
    return encodePacket(fields, {
      bytes: COORDINATOR_SEAL,
      write: (packet) => {
        packet.write(this.#signing.publicKey, packet.length - COORDINATOR_SEAL, 'base64url');
        packet.set(signatureOf(signed(subject, packet), this.#signing), packet.length - SIGNATURE_BYTES);
      },
    });
  }

  /** The answer to a worker's packet. */
  sealAnswer(to: Address, fields: PacketFields): Buffer {
    const secret = this.#secretOf(partsOf(to).key!);
    return encodePacket(fields, {
      bytes: MAC_BYTES,
      write: (packet) => packet.set(macOf(secret, ANSWER, packet), packet.length - MAC_BYTES),
    });
  }

  /** A worker's packet on a subject, and who sent it. */
  open(subject: string, bytes: Uint8Array): WorkersPacket {
    const packet = ofThisProtocol(decodePacket(bytes));
    const { payload } = packet;
    const at = payload.length - WORKER_SEAL;
    const length = at < 0 ? 0 : payload[at]!;
    const worker = Buffer.from(payload.subarray(Math.max(0, at - length), Math.max(0, at))).toString('latin1');
    if (at < length || !isToken(worker)) throw new ShapeError('it must name the worker that sent it, and it does not');
    const key = Buffer.from(payload.subarray(at + 1, at + 1 + PUBLIC_KEY_BYTES)).toString('base64url');
    checkMac(this.#secretOf(key), subject, bytes);
    return { packet: without(packet, length + WORKER_SEAL), from: addressOf(worker, key) };
  }

  #secretOf(key: string): Buffer {
    const known = this.#secrets.get(key);
    const secret = known ?? secretWith(this.#agreeing, key, this.#context);
    // the newest last: a flood of strangers' keys pushes out its own
    this.#secrets.delete(key);
    this.#secrets.set(key, secret);
    if (this.#secrets.size > MOST_SECRETS) this.#secrets.delete(this.#secrets.keys().next().value!);
    return secret;
  }
}

/** A packet that a coordinator sent on a subject. */
export interface CoordinatorsPacket {
  packet: Packet;
  /** Its public key. Whether it is the one to follow is its hearer's to say. */
  signer: string;
}

/** A coordinator's packet, and whose it is. */
export function openSigned(subject: string, bytes: Uint8Array): CoordinatorsPacket {
  const packet = ofThisProtocol(decodePacket(bytes));
  const { payload } = packet;
  if (payload.length < COORDINATOR_SEAL) throw new ShapeError('it must be signed, and it is not');
  const seal = payload.subarray(payload.length - COORDINATOR_SEAL);
  const signer = Buffer.from(seal.subarray(0, PUBLIC_KEY_BYTES)).toString('base64url');
  if (!isSigned(signed(subject, bytes), seal.subarray(PUBLIC_KEY_BYTES), signer)) {
    throw new ShapeError('its signature must be that of its sender, and it is not');
  }
  return { packet: without(packet, COORDINATOR_SEAL), signer };
}

/** What a coordinator signs: on another subject, and so for another worker, the signature is wrong. */
function signed(subject: string, packet: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${subject}\n`), ...sealedParts(packet, SIGNATURE_BYTES)]);
}

function contextOf(run: string): string {
  return `lopt ${PROTOCOL} ${run}`;
}

/** The secret; throws ShapeError if no secret can be agreed on with the key. */
function secretWith(own: KeyPair, key: string, context: string): Buffer {
  try {
    return sharedSecret(own, key, context);
  } catch (cause) {
    throw new ShapeError('its key must be an X25519 public key, and it is none', { cause });
  }
}

/** @param where on which subject it is sent, or as an answer: elsewhere the MAC is wrong */
function macOf(secret: Buffer, where: string, packet: Uint8Array): Buffer {
  const mac = createHmac('sha256', secret).update(`${where}\n`);
  for (const part of sealedParts(packet, MAC_BYTES)) mac.update(part);
  return mac.digest().subarray(0, MAC_BYTES);
}

function checkMac(secret: Buffer, where: string, packet: Uint8Array): void {
  const mac = packet.subarray(packet.length - MAC_BYTES);
  if (mac.length === MAC_BYTES && timingSafeEqual(mac, macOf(secret, where, packet))) return;
  throw new ShapeError('its MAC must be that of its sender, and it is not');
}

function without(packet: Packet, seal: number): Packet {
  return { ...packet, payload: packet.payload.subarray(0, packet.payload.length - seal) };
}

/** The packet, if it speaks our protocol; seals of others may look otherwise. */
function ofThisProtocol(packet: Packet): Packet {
  if (packet.protocol === PROTOCOL) return packet;
  throw new ShapeError(`it speaks protocol ${packet.protocol}, and this process protocol ${PROTOCOL}`);
}
