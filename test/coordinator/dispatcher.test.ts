import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Dispatcher, type DispatcherOptions } from '../../coordinator/dispatcher.js';
import { hashOfNode } from '../../shared/double-computation.js';
import type { ResultMessage, VoteMessage } from '../../shared/messages.js';
import { evaluation, heartbeat, hello, inShort } from '../fixtures/actions.js';
import { announcementOf } from '../fixtures/messages.js';
import { runConfig } from '../fixtures/run-config.js';

/** Four shards, episodes of two windows, and evaluations of four chunks of two functions. */
const CONFIG = runConfig({ shards: 4 });
const DIGEST = 'd'.repeat(64);
const NOW = 20;
/** A share at which every shard is drawn, and leaves are compared. */
const ALL_LEAVES = 1 - 2 ** -40;

/** The leaf of a shard, whose bits are those of a value. */
function result(worker: string, round: number, shard: number, value = shard, replayed = 0): ResultMessage {
  const sums = { metaGradient: Float32Array.of(value), loss: value, finalLoss: value, healthy: 2, problems: 2 };
  return { type: 'result', worker, digest: DIGEST, round, node: { level: 0, index: shard, ...sums }, replayed };
}

function vote(worker: string, round: number, shard: number, value = shard): VoteMessage {
  const { node } = result(worker, round, shard, value);
  const hash = hashOfNode(node);
  return { type: 'vote', worker, digest: DIGEST, round, node: { level: 0, index: shard }, hash };
}

describe('Dispatcher', () => {
  let dispatcher: Dispatcher;

  /** A run that goes on from φ_4. */
  function start(options: Partial<DispatcherOptions> = {}): void {
    const state = { round: 4, grown: [], fingerprint: null };
    dispatcher = new Dispatcher({
      run: 'r',
      config: CONFIG,
      digest: DIGEST,
      term: 3,
      state,
      coordinator: 'c',
      doubledShare: 0,
      ...options,
    });
  }

  function join(...workers: string[]): void {
    for (const worker of workers) dispatcher.receive(hello(worker, DIGEST), NOW);
  }

  function open(round: number): string[] {
    return inShort(dispatcher.open({ round: round - 1, grown: [], phi: Float64Array.of(0.1) }, NOW));
  }

  function receive(...messages: Parameters<Dispatcher['receive']>[0][]): string[] {
    return inShort(messages.flatMap((message) => dispatcher.receive(message, NOW)));
  }

  function ownerOf(shard: number): string {
    return dispatcher.members.find(({ ranges }) => ranges.some(({ first, end }) => first <= shard && shard < end))!.id;
  }

  function copierOf(shard: number): string {
    return dispatcher.members.find(({ copies }) => copies.some(({ index }) => index === shard))!.id;
  }

  beforeEach(() => start());

  it('orders the open round’s shards, and says when its sum is complete', () => {
    assert.deepEqual(receive(hello('a', DIGEST)), ['a: order 0-4']);
    join('b');
    assert.deepEqual(open(5), ['a: order 0-2', 'b: order 2-4', 'all: φ 4']);
    assert.deepEqual(receive(result('b', 5, 3, 3, 2), result('a', 5, 0), result('a', 5, 1)), []);
    // what came before is in the sum already
    assert.deepEqual(receive(result('b', 5, 3, 3, 2)), []);
    assert.deepEqual(receive(result('b', 5, 2, 2, 1)), ['summed: 6, 3 replayed']);
    assert.deepEqual(receive(result('a', 5, 2)), []);
    assert.deepEqual(open(6), ['all: φ 5']);
    const all = [0, 1, 2, 3].map((shard) => result(shard < 2 ? 'a' : 'b', 6, shard));
    assert.deepEqual(receive(...all), ['summed: 6, 0 replayed']);
  });

  it('takes nothing that a worker was not ordered to compute, the root included', () => {
    join('a', 'b');
    open(5);
    const root = {
      ...result('b', 5, 0, 1e30),
      node: { ...result('b', 5, 0, 1e30).node, level: 2, problems: 8, healthy: 8 },
    };
    assert.deepEqual(receive(root, result('b', 5, 0), result('b', 5, 1)), []);
    assert.deepEqual(receive(result('a', 5, 0), result('a', 5, 1), result('b', 5, 2)), []);
    // nor from somebody who only has its name
    assert.deepEqual(dispatcher.receive(result('b', 5, 3), NOW, 'b.other'), []);
    assert.deepEqual(receive(result('b', 5, 3)), ['summed: 6, 0 replayed']);
    // what stood in the round before still counts: an order may be lost
    dispatcher.receive({ type: 'goodbye', worker: 'b' }, NOW);
    open(6);
    assert.deepEqual(receive(...[0, 1, 2, 3].map((shard) => result('a', 6, shard))), ['summed: 6, 0 replayed']);
  });

  it('counts no vote on a node that a worker was not ordered to copy', () => {
    join('a', 'b', 'c');
    open(5);
    receive(result('a', 5, 0));
    assert.deepEqual(receive(vote('b', 5, 0, 7), vote('c', 5, 0, 7)), []);
    const others = [1, 2, 3].map((shard) => result(ownerOf(shard), 5, shard));
    assert.deepEqual(receive(...others), ['summed: 6, 0 replayed']);
  });

  it('is of the engine of the first worker whose result counts, and sends others away', () => {
    const says = (worker: string, fingerprint: string) =>
      inShort(dispatcher.receive(hello(worker, DIGEST, { fingerprint }), NOW));
    says('junk', 'nobody has this');
    says('a', 'real');
    assert.equal(dispatcher.fingerprint, null);
    dispatcher.receive({ type: 'goodbye', worker: 'junk' }, NOW);
    says('odd', 'another');
    open(5);
    const actions = receive(result('a', 5, 0));
    const reason = 'its engine computes other bits: it is "another", and this run\'s is "real"';
    assert.ok(actions.includes(`odd: refuse, as ${reason}`), actions.join('\n'));
    assert.equal(dispatcher.fingerprint, 'real');
    assert.deepEqual(
      dispatcher.members.map(({ id }) => id),
      ['a'],
    );
  });

  it('takes scores from those alone who were ordered to compute them', () => {
    join('a');
    dispatcher.evaluate({ round: 4, phi: new Float32Array(1), horizon: 6 }, NOW);
    const lies = [0, 1, 2, 3].map((chunk) => evaluation('nobody', 4, chunk));
    assert.deepEqual(receive(...lies), []);
    assert.deepEqual(
      [0, 1, 2, 3].flatMap((chunk) => dispatcher.receive(evaluation('a', 4, chunk), NOW, 'a.other')),
      [],
    );
    const scores = [0, 1, 2, 3].map((chunk) => evaluation('a', 4, chunk));
    assert.deepEqual(receive(...scores), ['scored: φ 4 over 6 steps, 1.5']);
  });

  it('has a sum that is far larger than usual computed by a second worker before it counts', () => {
    start({ norms: [1, 1.2, 0.9, 1.1] });
    join('a', 'b', 'c');
    open(5);
    receive(...[0, 1, 2].map((shard) => result(ownerOf(shard), 5, shard, 1)));
    const asked = receive(result('c', 5, 3, 1e30));
    const second = copierOf(3);
    const said = `warn: Worker c sent a far larger meta-gradient than usual: node 0/3 of round 5; ${second} computes it, too`;
    assert.ok(asked.includes(said), asked.join('\n'));
    // it lied: a third one agrees with the second
    const third = ['a', 'b'].find((worker) => worker !== second)!;
    const disputed = receive(vote(second, 5, 3, 1));
    assert.ok(disputed.join('\n').includes(`worker ${third} decides`), disputed.join('\n'));
    assert.ok(receive(vote(third, 5, 3, 1)).includes('tell banned: c, round 5, node 0/3'));
    const heir = dispatcher.members.find(({ ranges }) => ranges.some(({ first, end }) => first <= 3 && 3 < end))!;
    assert.deepEqual(receive(result(heir.id, 5, 3, 1)).at(-1), 'summed: 4, 0 replayed');
  });

  it('takes a large sum on which two workers agree, and one that nobody else can compute', () => {
    start({ norms: [1, 1.2, 0.9, 1.1] });
    join('a', 'b');
    open(5);
    receive(result('a', 5, 0, 1), result('a', 5, 1, 1), result('b', 5, 2, 1));
    receive(result('b', 5, 3, 1e6));
    assert.equal(receive(vote('a', 5, 3, 1e6)).at(-1), 'summed: 1000003, 0 replayed');
    start({ norms: [1, 1.2, 0.9, 1.1] });
    join('a');
    open(5);
    assert.equal(
      receive(...[0, 1, 2, 3].map((shard) => result('a', 5, shard, 1e6))).at(-1),
      'summed: 4000000, 0 replayed',
    );
  });

  it('counts nothing that two workers have not computed if everything is computed twice', () => {
    start({ doubledShare: 1 });
    join('a');
    open(5);
    const waiting = receive(...[0, 1, 2, 3].map((shard) => result('a', 5, shard)));
    assert.match(waiting.at(-1)!, /^warn now and then: Round 5 waits for another worker/);
    // the one that comes computes the whole, as it is ordered to; what came in parts is asked for in parts
    const ordered = receive(hello('b', DIGEST));
    assert.match(ordered.join('\n'), /b: order .*\+0\/0 \+0\/1 \+0\/2 \+0\/3/);
    assert.deepEqual(
      receive(vote('b', 5, 0), vote('b', 5, 1), vote('b', 5, 2)).filter((line) => /summed/.test(line)),
      [],
    );
    assert.deepEqual(receive(vote('b', 5, 3)).at(-1), 'summed: 6, 0 replayed');
  });

  it('waits for a third worker to decide between two if everything is computed twice', () => {
    start({ doubledShare: 1 });
    join('a', 'b');
    dispatcher.evaluate({ round: 4, phi: new Float32Array(1), horizon: 6 }, NOW);
    open(5);
    const other = evaluation('b', 4, 0);
    other.scores.sum[0]! += 1;
    const sums = [result('a', 5, 0), result('a', 5, 1), result('b', 5, 2), result('b', 5, 3)];
    const disputed = receive(...sums, vote('b', 5, 0, 7), evaluation('a', 4, 0), other);
    assert.equal(disputed.filter((line) => line.startsWith('fail')).length, 0, disputed.join('\n'));
    assert.match(disputed.join('\n'), /warn: .* for node 0\/0; the next worker that joins decides/);
    assert.match(disputed.join('\n'), /warn: .* scores for chunk 0 of φ_4; a third one decides/);
    const joined = receive(hello('c', DIGEST)).join('\n');
    assert.match(joined, /c: order .*\+0\/0/);
    assert.match(joined, /c: evaluate φ 4 chunks 0/);
    const decided = receive(vote('c', 5, 0), evaluation('c', 4, 0));
    assert.ok(decided.includes('tell banned: b, round 5, node 0/0'), decided.join('\n'));
  });

  it('orders no evaluation again for a hello that changes nothing', () => {
    join('a');
    dispatcher.evaluate({ round: 4, phi: new Float32Array(1), horizon: 6 }, NOW);
    const stranger = hello('x', 'of another configuration');
    assert.equal(receive(stranger, stranger, hello('a', DIGEST)).filter((line) => /evaluate/.test(line)).length, 0);
    assert.ok(receive(hello('b', DIGEST)).some((line) => /evaluate/.test(line)));
  });

  it('withdraws the scores of a worker that is banned for a sum', () => {
    start({ doubledShare: ALL_LEAVES });
    join('a', 'b', 'c');
    dispatcher.evaluate({ round: 4, phi: new Float32Array(1), horizon: 6 }, NOW);
    open(5);
    const liar = copierOf(0);
    receive(...[0, 1, 2, 3].map((chunk) => evaluation(liar, 4, chunk)));
    receive(result('a', 5, 0), vote(liar, 5, 0, 7));
    const third = ['b', 'c'].find((worker) => worker !== liar)!;
    const said = receive(vote(third, 5, 0));
    assert.ok(said.includes(`tell banned: ${liar}, round 5, node 0/0`));
    assert.ok(
      said.some((line) => /^(a|b|c): evaluate φ 4 chunks/.test(line)),
      said.join('\n'),
    );
    assert.equal(
      said.some((line) => line.startsWith('scored')),
      false,
    );
  });

  it('takes nothing from a stranger, of another configuration, or for a round that is not open', () => {
    join('a');
    open(5);
    const all = [0, 1, 2, 3];
    assert.deepEqual(receive(...all.map((shard) => result('stranger', 5, shard))), []);
    assert.deepEqual(receive(...all.map((shard) => ({ ...result('a', 5, shard), digest: 'other' }))), []);
    assert.deepEqual(
      receive(...all.map((shard) => result('a', 6, shard)), ...all.map((shard) => vote('a', 3, shard))),
      [],
    );
    assert.deepEqual(receive(...all.map((shard) => result('a', 5, shard))), ['summed: 6, 0 replayed']);
  });

  it('takes no sum while a part of it is disputed', () => {
    start({ doubledShare: ALL_LEAVES });
    join('a', 'b', 'c');
    open(5);
    receive(...[0, 1, 2].map((shard) => result(ownerOf(shard), 5, shard)));
    const liar = copierOf(0);
    assert.match(receive(vote(liar, 5, 0, 7)).join('\n'), /worker [bc] decides/);
    assert.deepEqual(receive(result('c', 5, 3)), []);
    const third = ['b', 'c'].find((worker) => worker !== liar)!;
    const said = receive(vote(third, 5, 0));
    assert.ok(said.includes(`tell banned: ${liar}, round 5, node 0/0`), said.join('\n'));
    // what the banned worker sent is not in the sum any more
    assert.equal(
      said.some((line) => line.startsWith('summed')),
      false,
    );
    const lost = liar === 'b' ? [1, 2] : [3];
    const again = lost.map((shard) => result(ownerOf(shard), 5, shard));
    assert.deepEqual(receive(...again).at(-1), 'summed: 6, 0 replayed');
    assert.equal(dispatcher.takeCompared(), 0);
  });

  it('completes the sum when the dispute is settled last', () => {
    start({ doubledShare: ALL_LEAVES });
    join('a', 'b', 'c', 'd');
    open(5);
    receive(...[0, 1, 2, 3].map((shard) => result('abcd'[shard]!, 5, shard)));
    open(6);
    const liar = copierOf(0);
    receive(...[0, 1, 2, 3].map((shard) => result('abcd'[shard]!, 6, shard)).slice(0, 3));
    receive(vote(liar, 6, 0, 7));
    assert.deepEqual(receive(result('d', 6, 3)), []);
    // the liar is odd; its own shard is computed by another
    const third = dispatcher.members.find(({ id, copies }) => id !== liar && copies.some(({ index }) => index === 0))!;
    receive(vote(third.id, 6, 0));
    const shard = 'abcd'.indexOf(liar);
    assert.deepEqual(receive(result(ownerOf(shard), 6, shard)).at(-1), 'summed: 6, 0 replayed');
  });

  it('says nothing of a sum once it fails', () => {
    join('a');
    open(5);
    // what it says of the last shard, and what it sends of it
    receive(result('a', 5, 0), result('a', 5, 1), result('a', 5, 2), vote('a', 5, 3, 9));
    const failure = 'fail: InconsistencyError: Cannot go on with round 5: workers a and a sent other bits for node 0/3';
    assert.deepEqual(receive(result('a', 5, 3)), [failure]);
  });

  it('announces the φ that was sent last, which is not the newest after the last round', () => {
    assert.deepEqual(inShort(dispatcher.announce()), ['all: announce φ 4']);
    join('a');
    open(5);
    open(6);
    dispatcher.rest();
    assert.deepEqual(inShort(dispatcher.announce()), ['all: announce φ 5']);
    assert.deepEqual(dispatcher.announce(), [
      {
        type: 'broadcast',
        message: announcementOf('r', { term: 3, round: 5, config: CONFIG, digest: DIGEST }),
      },
    ]);
    // nothing is computed any more
    assert.deepEqual(receive(hello('b', DIGEST)), ['b: order']);
  });

  it('says again what was lost while the bus was cut off', () => {
    join('a');
    open(5);
    const phi = { round: 0, phi: new Float32Array(1), horizon: 6 };
    dispatcher.evaluate(phi, NOW);
    receive(evaluation('a', 0, 1));
    const again = ['all: announce φ 4', 'all: φ 4', 'a: evaluate φ 0 chunks 0,2,3'];
    assert.deepEqual(inShort(dispatcher.reconnected()), again);
    dispatcher.rest();
    assert.deepEqual(inShort(dispatcher.reconnected()), ['all: announce φ 4', 'a: evaluate φ 0 chunks 0,2,3']);
  });

  it('goes on with the others when a worker leaves, fails, or is not there', () => {
    join('a', 'b', 'c', 'd');
    open(5);
    receive(result('d', 5, 3));
    assert.deepEqual(receive({ type: 'goodbye', worker: 'a' }), [
      'tell reassigned: a, left',
      'c: order 0-1 2-3',
      'c: φ 4',
    ]);
    assert.deepEqual(receive({ type: 'goodbye', worker: 'b', error: 'its disk is full' }), [
      'error: Worker b has failed: its disk is full',
      'tell reassigned: b, left',
      'c: order 0-3',
      'c: φ 4',
    ]);
    assert.deepEqual(receive({ type: 'goodbye', worker: 'x', error: 'I never joined' }), [
      'warn now and then: x, which is no worker of the run, says that it failed: I never joined',
    ]);
    assert.deepEqual(inShort(dispatcher.lose('c', NOW)), [
      'warn: Worker c is gone: its shards go to others',
      'tell reassigned: c, silent',
      'd: order 0-4',
      'd: φ 4',
    ]);
    assert.deepEqual(dispatcher.lose('c', NOW), []);
    assert.deepEqual(receive(...[0, 1, 2].map((shard) => result('d', 5, shard))), ['summed: 6, 0 replayed']);
  });

  it('fails with the error of the last worker, if it is to', () => {
    start({ failWithLastWorker: true });
    join('a', 'b');
    open(5);
    assert.deepEqual(receive({ type: 'goodbye', worker: 'a', error: 'no memory' }), [
      'tell reassigned: a, left',
      'b: order 0-4',
      'b: φ 4',
    ]);
    assert.deepEqual(receive({ type: 'goodbye', worker: 'b', error: 'no disk' }), [
      'tell reassigned: b, left',
      'fail: LoptError: no disk',
    ]);
    // one that left by choice is no error
    join('c');
    assert.deepEqual(receive({ type: 'goodbye', worker: 'c' }), ['tell reassigned: c, left']);
  });

  it('fails once there was no worker for as long as it waits for one', () => {
    start({ patience: { worker: 30, silence: 5 } });
    assert.deepEqual(dispatcher.tick(100), []);
    assert.deepEqual(dispatcher.tick(129), []);
    dispatcher.receive(hello('a', DIGEST), 129.5);
    assert.deepEqual(dispatcher.tick(130), []);
    dispatcher.receive({ type: 'goodbye', worker: 'a' }, 130.5);
    assert.deepEqual(dispatcher.tick(131), []);
    assert.deepEqual(dispatcher.tick(161), []);
    assert.deepEqual(inShort(dispatcher.tick(161.5)), [
      'fail: LoptError: Cannot go on with the run: no worker has come for 30 s',
    ]);
    start();
    assert.deepEqual(
      [0, 1000, 1e9].flatMap((now) => dispatcher.tick(now)),
      [],
    );
  });

  it('fails when a worker that is silent was the third one that was to decide', () => {
    start({ patience: { silence: 5 }, doubledShare: ALL_LEAVES });
    join('a', 'b', 'c');
    open(5);
    const liar = copierOf(0);
    const third = liar === 'b' ? 'c' : 'b';
    receive(result('a', 5, 0), vote(liar, 5, 0, 7));
    dispatcher.tick(NOW);
    for (let now = NOW + 1; now < NOW + 6; now++) {
      for (const worker of ['a', liar]) dispatcher.receive(heartbeat(worker, 0, 0), now);
      assert.deepEqual(dispatcher.tick(now), []);
    }
    const said = inShort(dispatcher.tick(NOW + 6));
    assert.equal(said[0], `warn: Worker ${third} is silent: its shards go to others`);
    assert.match(said.at(-1)!, /^fail: InconsistencyError: .* and there is no third one to decide$/);
  });

  it('gives shards to others when they are late by the pace of the rounds before', () => {
    start({ patience: { silence: 1e9, deadlines: { first: 1000, factor: 5, least: 1 } } });
    join('a', 'b');
    open(5);
    const at = NOW + 2;
    for (const shard of [0, 1]) dispatcher.receive(result('a', 5, shard), at);
    for (const shard of [2, 3]) dispatcher.receive(result('b', 5, shard), at);
    dispatcher.open({ round: 5, grown: [], phi: Float64Array.of(0.1) }, at);
    for (const shard of [0, 1]) dispatcher.receive(result('a', 6, shard), at);
    const said: string[] = [];
    for (let now = at; now <= at + 10; now++) said.push(...inShort(dispatcher.tick(now)));
    // a second a window: five times two
    assert.equal(said[0], 'warn: Worker b is late: its shards go to others');
    assert.deepEqual(inShort(dispatcher.tick(at + 11)), []);
  });

  it('abandons the open round when it is to stop and nobody is left to compute it', () => {
    join('a', 'b');
    open(5);
    assert.deepEqual(dispatcher.stop(), []);
    assert.equal(receive({ type: 'goodbye', worker: 'a' }).includes('abandoned'), false);
    assert.deepEqual(receive({ type: 'goodbye', worker: 'b' }), ['tell reassigned: b, left', 'abandoned']);
    start();
    open(5);
    assert.deepEqual(inShort(dispatcher.stop()), ['abandoned']);
    // however the last one goes
    start({ patience: { silence: 5 } });
    join('a', 'b');
    open(5);
    dispatcher.stop();
    assert.equal(inShort(dispatcher.lose('a', NOW)).includes('abandoned'), false);
    assert.equal(inShort(dispatcher.tick(NOW + 6)).at(-1), 'abandoned');
    start();
    join('a');
    open(5);
    dispatcher.stop();
    assert.equal(inShort(dispatcher.lose('a', NOW)).at(-1), 'abandoned');
  });

  it('abandons the open round when it is to stop and a worker has had its time', () => {
    start({ patience: { deadlines: { first: 20 }, silence: 1000 } });
    join('a', 'b');
    open(5);
    receive(result('a', 5, 0), result('a', 5, 1), result('b', 5, 2));
    assert.deepEqual(inShort(dispatcher.tick(NOW + 1)), []);
    dispatcher.stop();
    // it has its time, also if the run was told to stop long ago
    for (let now = NOW + 2; now < NOW + 20; now++) assert.deepEqual(inShort(dispatcher.tick(now)), []);
    assert.equal(inShort(dispatcher.tick(NOW + 20))[0], 'abandoned');
    // a worker that was late before has been given more time, which does not count
    start({ patience: { deadlines: { first: 20 }, silence: 1000 } });
    join('a');
    open(5);
    for (let now = NOW; now <= NOW + 50; now++) dispatcher.tick(now);
    dispatcher.stop();
    assert.equal(inShort(dispatcher.tick(NOW + 51))[0], 'abandoned');
  });

  it('waits for nothing but its open round when it is to stop, or not for long', () => {
    start({ patience: { stop: 3, silence: 1000 } });
    join('a');
    open(5);
    receive(...[0, 1, 2, 3].map((shard) => result('a', 5, shard)));
    dispatcher.evaluate({ round: 4, phi: Float32Array.of(1), horizon: 5 }, NOW);
    assert.deepEqual(inShort(dispatcher.tick(NOW + 1)), []);
    dispatcher.stop();
    assert.deepEqual(inShort(dispatcher.tick(NOW + 2)), []);
    assert.deepEqual(inShort(dispatcher.tick(NOW + 4.9)), []);
    assert.deepEqual(inShort(dispatcher.tick(NOW + 5)), ['abandoned']);
    // with the time that a round has if one is open
    start({ patience: { stop: 3, deadlines: { first: 20 }, silence: 1000 } });
    join('a');
    open(5);
    dispatcher.stop();
    assert.deepEqual(inShort(dispatcher.tick(NOW + 19)), []);
  });

  it('has a φ evaluated by those who work, whoever comes and goes, for this configuration alone', () => {
    join('a');
    const phi = { round: 5, phi: new Float32Array(1), horizon: 12 };
    assert.deepEqual(inShort(dispatcher.evaluate(phi, NOW)), ['a: evaluate φ 5 chunks 0,1,2,3']);
    assert.deepEqual(receive(hello('b', DIGEST)).slice(1), [
      'a: evaluate φ 5 chunks 0,2',
      'b: evaluate φ 5 chunks 1,3',
    ]);
    assert.deepEqual(receive({ type: 'goodbye', worker: 'a' }).slice(1), [
      'b: order 0-4',
      'b: evaluate φ 5 chunks 0,1,2,3',
    ]);
    assert.deepEqual(receive({ ...evaluation('b', 5, 2), digest: 'other' }), []);
    assert.deepEqual(receive(evaluation('b', 5, 0), evaluation('b', 5, 1), evaluation('b', 5, 3)), []);
    assert.deepEqual(receive(evaluation('b', 5, 2)), ['scored: φ 5 over 12 steps, 1.5']);
  });

  it('orders chunks again that have not come for a while', () => {
    start({ patience: { evaluation: 10, silence: 1e9 } });
    join('a');
    dispatcher.evaluate({ round: 5, phi: new Float32Array(1), horizon: 12 }, NOW);
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((after) => dispatcher.tick(NOW + after)),
      [],
    );
    assert.deepEqual(inShort(dispatcher.tick(NOW + 10)), ['a: evaluate φ 5 chunks 0,1,2,3']);
  });
});
