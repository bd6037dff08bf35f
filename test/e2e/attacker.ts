/** A stranger on the server, with a connection of its own: hears everything, and sends what it should not, by a seed. */
import { connect, headers, type NatsConnection } from 'nats';
import { encodePacket, MOST_PART_BYTES, type PacketFields } from '../../shared/bus/packet.js';
import { encode } from '../../shared/codec.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import { phiLength } from '../../shared/phi.js';
import { type RunSubjects, runSubjects } from '../../shared/subjects.js';
import { seededRandom } from './harness.js';

export interface AttackerOptions {
  url: string;
  subjects: RunSubjects;
  config: RunConfig;
  /** The run's workers, who all are there before it begins. */
  workers: readonly string[];
  seed: number;
}

interface Captured {
  subject: string;
  data: Uint8Array;
  reply: string | undefined;
}

/** What of the first messages is kept to be sent again, and what of the newest. */
const FIRST = 400;
const NEWEST = 200;
/** Large messages cost time, not courage. */
const LARGE = 1 / 150;

export class Attacker {
  readonly #connection: NatsConnection;
  readonly #options: AttackerOptions;
  readonly #random: () => number;
  readonly #first: Captured[] = [];
  readonly #newest: Captured[] = [];
  readonly #sent = new Map<string, number>();
  /** How many times what is no message of the run at all must be dropped: once by each who hears it. */
  mustDrop = 0;

  private constructor(connection: NatsConnection, options: AttackerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    connection.subscribe('>', {
      callback: (_error, { subject, data, reply }) => {
        // its own messages come back, too: those of the run alone are worth keeping
        const captured = { subject, data: data.slice(), reply };
        if (this.#first.length < FIRST) this.#first.push(captured);
        this.#newest.push(captured);
        if (this.#newest.length > NEWEST) this.#newest.shift();
      },
    });
  }

  static async start(options: AttackerOptions): Promise<Attacker> {
    const connection = await connect({ servers: options.url });
    const attacker = new Attacker(connection, options);
    await connection.flush();
    return attacker;
  }

  /** Messages sent, by kind. */
  get sent(): Record<string, number> {
    return Object.fromEntries(this.#sent);
  }

  get total(): number {
    return [...this.#sent.values()].reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Sends so many messages of all kinds. */
  attack(count: number): void {
    for (let i = 0; i < count; i++) {
      const kind = KINDS[this.#below(KINDS.length)]!;
      this[kind]();
      this.#sent.set(kind, (this.#sent.get(kind) ?? 0) + 1);
    }
  }

  noise(): void {
    this.#sendBad(this.#bytes(this.#below(300)));
  }

  /** The header of a packet, and anything after it; or a packet with a bit flipped. */
  damagedPackets(): void {
    const packet = this.#packet(encode({ type: 'finished' }));
    packet[this.#below(packet.length)]! ^= 1 << this.#below(8);
    this.#sendBad(packet);
  }

  fuzzedMessages(): void {
    this.#sendBad(this.#packet(Buffer.concat([Buffer.from([0xc1]), this.#bytes(this.#below(200))])));
  }

  /** Five bytes that ask for gigabytes, nests, classes. */
  bombs(): void {
    const bombs = [
      [0xdd, 0xff, 0xff, 0xff, 0xff],
      [0xdd, 0, 0xff, 0xff, 0xff],
      [0xdf, 0x0f, 0xff, 0xff, 0xff],
      [0xc9, 0x7f, 0xff, 0xff, 0xff, 0x74],
      Array.from({ length: 20_000 }, () => 0x91),
      [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 1],
    ];
    this.#sendBad(this.#packet(Buffer.from(bombs[this.#below(bombs.length)]!)));
  }

  /** Messages of the run with one thing wrong. */
  wrongShapes(): void {
    const { config, workers } = this.#options;
    const length = phiLength(config.architecture);
    const worker = workers[this.#below(workers.length)]!;
    const digest = digestOf(config);
    const node = {
      level: 0,
      index: 1,
      metaGradient: new Float32Array(length).fill(1),
      loss: 1,
      finalLoss: 1,
      healthy: config.problems,
      problems: config.problems,
    };
    const result = { type: 'result', worker, digest, round: 1 + this.#below(50), node, replayed: 0 };
    const phi = { type: 'phi', term: 1, round: this.#below(50), phi: new Float32Array(length) };
    const order = { type: 'order', term: 1, round: 1, ranges: [], copies: [] };
    const bad: unknown[] = [
      { ...result, node: { ...node, metaGradient: new Float32Array(length).fill(Number.NaN) } },
      { ...result, node: { ...node, metaGradient: new Float32Array(length + 1) } },
      { ...result, node: { ...node, metaGradient: Array.from({ length }, () => 0) } },
      { ...result, node: { ...node, loss: Number.NaN } },
      { ...result, node: { ...node, index: config.shards } },
      { ...result, node: { ...node, level: 60 } },
      { ...result, node: { ...node, healthy: config.problems + 1 } },
      { ...result, round: -1 },
      { ...result, worker: '../../x' },
      { type: 'vote', worker, digest, round: 1, node: { level: 0, index: 0 }, hash: 'none' },
      { type: 'heartbeat', worker, incarnation: 1, ranges: [{ first: 3, end: 1 }], copies: [] },
      { type: 'evaluation', worker, digest, round: 0, scores: { chunk: 0, initial: [], sum: [], final: [] } },
      { ...phi, phi: new Float32Array(length).fill(Number.NaN) },
      { ...phi, phi: new Float32Array(length - 1) },
      { ...phi, term: 0 },
      { ...order, ranges: [{ first: 0, end: config.shards + 1 }] },
      { ...order, copies: [{ level: 0, index: config.shards }] },
      { type: 'evaluate', term: 1, round: 0, phi: phi.phi, chunks: [{ chunk: 0, count: 1e9 }] },
      { type: 'announce', run: 'other', term: 1, round: 0, config, digest: '0'.repeat(64) },
      { type: '__proto__' },
      { type: 'constructor' },
      Object.fromEntries([['__proto__', { polluted: true }]]),
      'text',
      null,
    ];
    this.#sendBad(this.#packet(encode(bad[this.#below(bad.length)])));
  }

  /** Another run's announcement on this run's subject, and results of another configuration. */
  unknownRuns(): void {
    const { config, subjects, workers } = this.#options;
    const other = { ...config, seed: config.seed + 1 + this.#below(1000) };
    const digest = digestOf(other);
    if (this.#random() < 0.5) {
      const announce = { type: 'announce', run: 'other', term: 9, round: 3, config: other, digest };
      this.#connection.publish(subjects.announcement, this.#packet(encode(announce)));
      this.mustDrop += workers.length;
      return;
    }
    const node = { level: 0, index: 0, loss: 1, finalLoss: 1, healthy: 1, problems: config.problems };
    const gradient = new Float32Array(phiLength(config.architecture)).fill(7);
    const worker = workers[0]!;
    const result = { type: 'result', worker, digest, round: 20, node: { ...node, gradient }, replayed: 0 };
    this.#connection.publish(subjects.mail, this.#packet(encode(result)));
    this.#connection.publish(runSubjects('other').bulk, this.#packet(encode(result)));
  }

  /** Strangers that may not join, one with each thing wrong. */
  wrongHellos(): void {
    const { config, subjects } = this.#options;
    const hello = {
      type: 'hello',
      worker: `stranger-${this.#below(1e6)}`,
      incarnation: 1,
      threads: 64,
      fingerprint: 'none of this run',
      protocol: this.#below(200),
      digest: digestOf({ ...config, seed: 77 }),
    };
    this.#connection.publish(subjects.mail, this.#packet(encode(hello)));
    const goodbye = { type: 'goodbye', worker: hello.worker, error: 'a stranger fails' };
    this.#connection.publish(subjects.mail, this.#packet(encode(goodbye)));
  }

  /** What was heard in the first rounds, and just now, sent again as it was, on its own subject. */
  replays(): void {
    const from = this.#random() < 0.5 ? this.#first : this.#newest;
    const captured = from[this.#below(from.length)];
    // who may write the journal's subjects is the server's to say: what is in there is the run
    if (!captured || !/\.(up|down)\./.test(captured.subject)) return;
    this.#connection.publish(captured.subject, captured.data);
  }

  /** What was heard, on a subject that it is not for. */
  misdirected(): void {
    const captured = this.#first[this.#below(this.#first.length)];
    if (captured) this.#connection.publish(this.#subject(), captured.data);
  }

  oversized(): void {
    if (this.#random() > 10 * LARGE) {
      this.noise();
      return;
    }
    const most = this.#connection.info!.max_payload;
    const size = most - this.#below(100);
    this.#sendBad(this.#random() < 0.5 ? this.#bytes(size) : this.#packet(this.#bytes(size - 40)));
  }

  /** Parts without an end, out of order, twice, of impossible sizes. */
  chunks(): void {
    const fields: Partial<PacketFields>[] = [
      { index: 0, count: 3, size: 3000 },
      { index: 1, count: 3, size: 3000 },
      { index: 2, count: 3, size: 3000 },
      { index: 0, count: 0xffffffff, size: 0xffffffff },
      { index: 0, count: 1000, size: 100 * 2 ** 20 },
      { index: 0, count: 2, size: 1 },
      { index: 0, count: 1, size: 999 },
      { index: 5, count: 2, size: 10 },
    ];
    const packet = this.#packet(this.#bytes(1000), fields[this.#below(fields.length)]);
    const subject = this.#subject();
    for (let copies = 1 + this.#below(2); copies > 0; copies--) this.#connection.publish(subject, packet);
  }

  /** Asks for leave to send that is never used. */
  asks(): void {
    const size = this.#below(2 * MOST_PART_BYTES);
    const packet = this.#packet(new Uint8Array(0), { kind: 'ask', size, count: 1 + this.#below(3), message: 1 });
    this.#connection.publish(this.#options.subjects.bulk, packet, { reply: 'nobody.listens' });
  }

  /** A message number far ahead of a sender's own: what it sends next must not count as received. */
  leaps(): void {
    const bulk = this.#newest.filter(
      ({ subject, data }) => subject === this.#options.subjects.bulk && data.length > 40,
    );
    const captured = bulk[this.#below(bulk.length)];
    if (!captured) return;
    const session = Buffer.from(captured.data).toString('hex', 4, 12);
    const packet = this.#packet(this.#bytes(50), { session, message: 0xfffffff0 });
    this.#connection.publish(this.#options.subjects.bulk, packet);
  }

  /** Answers to what workers asked, and to the coordinator, that it is not theirs to give. */
  forgedGrants(): void {
    const asked = this.#newest.filter(({ reply }) => reply !== undefined);
    const reply = asked[this.#below(asked.length)]?.reply;
    const packet = this.#packet(new Uint8Array(0), { kind: 'grant', index: 1, count: 1, size: 2 ** 30 });
    const way = this.#below(4);
    if (way < 2 || !reply) this.#connection.publish(this.#options.subjects.bulk, packet);
    else this.#connection.publish(reply, way === 2 ? this.#bytes(this.#below(60)) : packet);
  }

  /** As the server says that nobody hears a worker's mail. */
  nobodyThere(): void {
    if (this.#random() > LARGE) {
      this.noise();
      return;
    }
    const mail = this.#newest.filter(({ subject, reply }) => reply !== undefined && subject.includes('.worker.'));
    const reply = mail[this.#below(mail.length)]?.reply;
    if (reply) this.#connection.publish(reply, new Uint8Array(0), { headers: headers(503, 'No Responders') });
  }

  /** On a subject of the run, where it must be dropped by all who hear it. */
  #sendBad(bytes: Uint8Array): void {
    const { all, announcement } = this.#options.subjects;
    const subject = this.#subject();
    this.mustDrop += subject === all || subject === announcement ? this.#options.workers.length : 1;
    this.#connection.publish(subject, bytes);
  }

  #subject(): string {
    const { subjects, workers } = this.#options;
    const all = [subjects.mail, subjects.bulk, subjects.all, subjects.announcement, ...workers.map(subjects.worker)];
    return all[this.#below(all.length)]!;
  }

  /** A packet of a session of its own. */
  #packet(payload: Uint8Array, fields: Partial<PacketFields> = {}): Buffer {
    const session = Buffer.from(this.#bytes(8)).toString('hex');
    const whole = { kind: 'part', session, message: 1, index: 0, count: 1, size: payload.length, payload } as const;
    return encodePacket({ ...whole, ...fields });
  }

  #bytes(length: number): Uint8Array {
    const noise = Uint8Array.from({ length: Math.min(length, 1009) }, () => Math.floor(256 * this.#random()));
    return Buffer.alloc(length, noise);
  }

  #below(bound: number): number {
    return Math.floor(bound * this.#random());
  }
}

const KINDS = [
  'noise',
  'damagedPackets',
  'fuzzedMessages',
  'bombs',
  'wrongShapes',
  'unknownRuns',
  'wrongHellos',
  'replays',
  'misdirected',
  'oversized',
  'chunks',
  'asks',
  'leaps',
  'forgedGrants',
  'nobodyThere',
] as const satisfies readonly (keyof Attacker)[];
