import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodePacket, encodePacket } from '../../shared/bus/packet.js';
import { addressOf, CoordinatorSealer, openSigned, WorkerSealer } from '../../shared/bus/seals.js';
import { newKeyPair } from '../../shared/keys.js';
import { ShapeError } from '../../shared/shape.js';
import { seededRandom } from '../e2e/harness.js';

const PAYLOAD = Buffer.from('what is said');
const PART = {
  kind: 'part',
  session: '0123456789abcdef',
  message: 7,
  index: 0,
  count: 1,
  size: PAYLOAD.length,
} as const;

/** A coordinator of a run, and a worker that follows it. */
function pair(run = 'a run') {
  const key = newKeyPair('x25519');
  const coordinator = new CoordinatorSealer(run, newKeyPair('ed25519'), newKeyPair('x25519'));
  const worker = new WorkerSealer(run, key, coordinator.keys.agree);
  return { key, coordinator, worker };
}

/** Every bit of a packet flipped in turn, with its checksum made to match if it would not. */
function* damaged(bytes: Buffer): Generator<Buffer> {
  const random = seededRandom(5);
  for (let at = 0; at < bytes.length; at++) {
    const other = Buffer.from(bytes);
    other[at]! ^= 1 << Math.floor(8 * random());
    try {
      const { payload, ...fields } = decodePacket(other);
      yield encodePacket({ ...fields, payload });
    } catch {
      // a checksum that does not match: whoever forges a packet makes one that does
      const whole = Buffer.from(other);
      const { payload } = decodePacket(bytes);
      const at2 = whole.length - payload.length;
      try {
        yield encodePacket({ ...decodePacket(bytes), payload: whole.subarray(at2) });
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }
  }
}

describe('seals', () => {
  it('a worker’s packet says who sent it, whole', () => {
    const { key, coordinator, worker } = pair();
    const { packet, from } = coordinator.open('up', worker.seal('up', 'w-1', { ...PART, payload: PAYLOAD }));
    assert.equal(from, addressOf('w-1', key.publicKey));
    assert.deepEqual(Buffer.from(packet.payload), PAYLOAD);
    assert.deepEqual([packet.message, packet.size, packet.session], [7, PAYLOAD.length, PART.session]);
  });

  it('a worker’s packet is refused if a bit is another, or it is for another run or coordinator', () => {
    const { coordinator, worker } = pair();
    const bytes = worker.seal('up', 'w', { ...PART, payload: PAYLOAD });
    let tried = 0;
    for (const other of damaged(bytes)) {
      if (other.equals(bytes)) continue;
      assert.throws(() => coordinator.open('up', other), ShapeError);
      tried += 1;
    }
    assert.ok(tried > PAYLOAD.length + 32, `${tried} tried`);
    assert.throws(() => coordinator.open('another', bytes), /its MAC must be that of its sender/);
    assert.throws(() => pair('a run').coordinator.open('up', bytes), /its MAC must be that of its sender/);
    const key = newKeyPair('x25519');
    const other = new WorkerSealer('another run', key, coordinator.keys.agree);
    assert.throws(() => coordinator.open('up', other.seal('up', 'w', { ...PART, payload: PAYLOAD })), /its MAC/);
  });

  it('nobody can take the key of another: the secret is not in what is sent', () => {
    const { coordinator, worker } = pair();
    const thief = new WorkerSealer('a run', newKeyPair('x25519'), coordinator.keys.agree);
    const [real, own] = [worker, thief].map((each) => each.seal('up', 'w', { ...PART, payload: PAYLOAD })) as [
      Buffer,
      Buffer,
    ];
    // the thief's packet with the public key of the other one
    const forged = Buffer.from(own);
    real.copy(forged, real.length - 48, real.length - 48, real.length - 16);
    const { payload, ...fields } = decodePacketUnchecked(forged);
    assert.throws(() => coordinator.open('up', encodePacket({ ...fields, payload })), /its MAC/);
  });

  it('a coordinator’s packet is heard on its own subject alone, by its signer', () => {
    const { coordinator } = pair();
    const bytes = coordinator.seal('lopt.down.r.all', { ...PART, payload: PAYLOAD });
    const { packet, signer } = openSigned('lopt.down.r.all', bytes);
    assert.equal(signer, coordinator.keys.sign);
    assert.deepEqual(Buffer.from(packet.payload), PAYLOAD);
    assert.throws(() => openSigned('lopt.down.r.worker.w', bytes), /its signature must be/);
    for (const other of damaged(bytes)) {
      if (!other.equals(bytes)) assert.throws(() => openSigned('lopt.down.r.all', other), ShapeError);
    }
  });

  it('an answer is the coordinator’s to this worker', () => {
    const { key, coordinator, worker } = pair();
    const grant = { ...PART, kind: 'grant', index: 1 } as const;
    const bytes = coordinator.sealAnswer(addressOf('w', key.publicKey), grant);
    assert.equal(worker.openAnswer(bytes).kind, 'grant');
    assert.throws(() => pair().worker.openAnswer(bytes), /its MAC/);
    assert.throws(() => worker.openAnswer(encodePacket(grant)), ShapeError);
    assert.throws(
      () => worker.openAnswer(coordinator.sealAnswer(addressOf('x', newKeyPair('x25519').publicKey), grant)),
      /its MAC/,
    );
  });

  it('noise is refused', () => {
    const { coordinator } = pair();
    const random = seededRandom(3);
    for (let length = 0; length < 200; length++) {
      const payload = Buffer.from(Array.from({ length }, () => Math.floor(256 * random())));
      const bytes = encodePacket({ ...PART, size: length, payload });
      assert.throws(() => coordinator.open('up', bytes), ShapeError);
      assert.throws(() => openSigned('subject', bytes), ShapeError);
    }
  });
});

/** The fields of a packet whose checksum does not match. */
function decodePacketUnchecked(bytes: Buffer) {
  return { ...PART, payload: bytes.subarray(32) };
}
