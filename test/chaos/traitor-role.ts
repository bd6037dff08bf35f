/**
 * A process with a worker's credentials that lies while a run is disturbed: `traitor-role.js URL RUN HABIT`. It goes on until
 * it is killed. What it does not know how to lie about yet, it leaves out: runs begin, stop and begin again.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { nextRun } from '../../shared/bus/announcements.js';
import { encodePacket } from '../../shared/bus/packet.js';
import { WorkerSealer } from '../../shared/bus/seals.js';
import { newKeyPair } from '../../shared/keys.js';
import { silentLogger } from '../../shared/logger.js';
import { NatsLink } from '../../shared/nats/link.js';
import { runSubjects } from '../../shared/subjects.js';
import { type Hear, honestFingerprint, Traitor } from '../e2e/traitor.js';
import type { TraitorHabit } from './schedule.js';

const [url, run, habit] = process.argv.slice(2) as [string, string, TraitorHabit];
const link = await NatsLink.connect({ nats: { url }, name: 'traitor', logger: silentLogger, waitSeconds: 60 });

/** Sends roots and scores in the name of the first worker, and says that it leaves. */
const impostor: Hear = (message, traitor) => {
  const shards = traitor.announced.config.shards;
  const level = Math.ceil(Math.log2(shards));
  if (message.type === 'announce') {
    traitor.hello('of the impostor');
    traitor.send({ type: 'goodbye', worker: 'w0', error: 'it is told so' });
  }
  if (message.type !== 'phi') return;
  traitor.send(traitor.result(message.round + 1, { level, index: 0 }, shards, 1e30));
  traitor.send(...traitor.evaluation(message.round, -1e9));
};

/** Wants to join first, as an engine that nobody has. */
const junk: Hear = (message, traitor) => {
  if (message.type === 'announce') traitor.hello('an engine that nobody has');
};

/** Joins with the fingerprint of honest workers, and sends other sums and scores than it should. */
function liar(fingerprint: string): Hear {
  let ranges: { first: number; end: number }[] = [];
  return (message, traitor) => {
    if (message.type === 'announce') {
      traitor.hello(fingerprint);
      traitor.alive(ranges);
    }
    if (message.type === 'order') ranges = message.ranges.map((range) => ({ ...range }));
    if (message.type === 'evaluate') traitor.send(...traitor.evaluation(message.round, -1e9));
    if (message.type !== 'phi') return;
    for (const { first, end } of ranges) {
      for (let index = first; index < end; index++) {
        traitor.send(traitor.result(message.round + 1, { level: 0, index }, 1, 1e-3));
      }
    }
  };
}

/** Parts of messages that nobody finishes, from strangers of ever other keys. */
const flood: Hear = (message) => {
  if (message.type !== 'announce') return;
  const { bulk, mail } = runSubjects(run);
  const payload = randomBytes(200_000);
  for (let stranger = 0; stranger < 20; stranger++) {
    const sealer = new WorkerSealer(mail, newKeyPair('x25519'), message.keys!.agree);
    const place = { session: randomBytes(8).toString('hex'), message: 1, index: 0, count: 3, size: 600_000 } as const;
    link.bulk.publish(bulk, sealer.seal(bulk, 's', { kind: 'ask', ...place, size: 60_000 }), 'nobody.listens');
    link.bulk.publish(bulk, sealer.seal(bulk, 's', { kind: 'part', ...place, payload }));
    link.bulk.publish(mail, encodePacket({ kind: 'part', ...place, payload }));
  }
};

const NAMES: Readonly<Record<TraitorHabit, readonly string[]>> = {
  impostor: ['w0'],
  junk: ['junk'],
  liar: ['liar'],
  sybils: ['w0', 'w1', ...Array.from({ length: 18 }, (_, index) => `sybil-${index}`)],
  flood: ['flood'],
};

const announced = await nextRun({ link, logger: silentLogger });
const hears: Readonly<Record<TraitorHabit, () => Promise<Hear> | Hear>> = {
  impostor: () => impostor,
  junk: () => junk,
  liar: async () => liar(await honestFingerprint(announced.config)),
  sybils: () => junk,
  flood: () => flood,
};
const hear = await hears[habit]();
for (const name of NAMES[habit]) Traitor.of(link, name, announced, hear);
await pause(2 ** 31 - 1);
