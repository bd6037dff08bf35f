import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { digestOf } from '../../shared/config.js';
import { ClusterError } from '../../shared/errors.js';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import { silentLogger } from '../../shared/logger.js';
import { Lease, type LeaseOptions } from '../../shared/nats/lease.js';
import { ObjectBlobs } from '../../shared/nats/object-blobs.js';
import { type RegisteredRun, RunRegistry } from '../../shared/nats/run-registry.js';
import { runSubjects } from '../../shared/subjects.js';
import { jetStreamOf, startServer, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { recordOf } from '../fixtures/records.js';
import { runConfig } from '../fixtures/run-config.js';
import { until } from '../fixtures/until.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());
let prefixes = 0;

function entryOf(run: string, seed = 1): RegisteredRun {
  const config = runConfig({ seed });
  return { run, config, digest: digestOf(config) };
}

const BEAT = { state: 'running', term: 2, round: 7, plannedRounds: 0, workers: 3 } as const;

describe('RunRegistry', { skip: WITHOUT_NATS }, () => {
  /** A registry under a prefix of its own. */
  async function registry(test: TestContext) {
    prefixes += 1;
    const prefix = `registry${prefixes}`;
    const jetStream = await jetStreamOf(test, server!);
    return { prefix, jetStream, runs: await RunRegistry.open(jetStream, { prefix }) };
  }

  it('lists the runs that were registered, with how each is doing', async (test) => {
    const { prefix, runs } = await registry(test);
    assert.deepEqual(await runs.list(), []);
    await runs.register(entryOf('second'));
    await runs.register(entryOf('first', 2));
    assert.equal(await runs.beat('second', BEAT), true);
    const other = await RunRegistry.open(await jetStreamOf(test, server!), { prefix });
    const [first, second] = await other.list();
    assert.deepEqual(first, { ...entryOf('first', 2), beat: undefined });
    assert.deepEqual(second, { ...entryOf('second'), beat: { ...BEAT, at: second!.beat!.at } });
    assert.ok(Math.abs(Date.parse(second!.beat!.at) - Date.now()) < 3_600_000);
    await runs.beat('second', { ...BEAT, state: 'finished', round: 8 });
    assert.equal((await other.find('second'))?.beat?.state, 'finished');
    assert.equal(await other.find('third'), undefined);
  });

  it('register() takes the same run again, and refuses its name to another configuration', async (test) => {
    const { runs } = await registry(test);
    await runs.register(entryOf('mine'));
    await runs.register(entryOf('mine'));
    await assert.rejects(runs.register(entryOf('mine', 5)), (error) => {
      assert.ok(error instanceof ClusterError);
      assert.match(error.message, /^Cannot start run mine: .* with another configuration; .* lopt stop mine --delete$/);
      return true;
    });
    assert.deepEqual(await runs.list(), [{ ...entryOf('mine'), beat: undefined }]);
  });

  it('requestStop() is seen by the coordinator, until the run is registered again', async (test) => {
    const { runs } = await registry(test);
    await runs.register(entryOf('a'));
    await runs.register(entryOf('b'));
    assert.equal(await runs.stopRequested('a'), false);
    await runs.requestStop('a');
    assert.deepEqual([await runs.stopRequested('a'), await runs.stopRequested('b')], [true, false]);
    await runs.register(entryOf('a'));
    assert.equal(await runs.stopRequested('a'), false);
  });

  it('remove() deletes all of a run, and nothing of others', async (test) => {
    const { prefix, jetStream, runs } = await registry(test);
    for (const run of ['a', 'a-b']) {
      const subjects = runSubjects(run, prefix);
      await runs.register(entryOf(run));
      await runs.beat(run, BEAT);
      const { digest } = entryOf(run);
      const journal = await JetStreamJournal.open({ jetStream, subjects, digest, logger: silentLogger });
      await journal.append(recordOf(0));
      await new ObjectBlobs({ jetStream, bucket: subjects.checkpoints, folder: '0' }).write('x', Buffer.alloc(9));
    }
    await runs.remove('a');
    await runs.remove('never');
    assert.deepEqual(
      (await runs.list()).map(({ run }) => run),
      ['a-b'],
    );
    const names = await jetStream.demand('Cannot test', async ({ manager }) => {
      const found: string[] = [];
      for await (const name of manager.streams.names()) if (name.includes(prefix)) found.push(name);
      return found.sort();
    });
    assert.deepEqual(names, [`KV_${prefix}-runs`, `OBJ_${prefix}-a-b-checkpoints`, `${prefix}-a-b-journal`]);
  });

  it('takes nothing that strangers wrote for a run, unless it can be shown', async (test) => {
    const { prefix, runs } = await registry(test);
    await runs.register(entryOf('mine'));
    const evil = 'a\u001b[2J';
    const { connection } = runs.values.jetStream.link.control;
    // past the client, which refuses such a key
    connection.publish(`$KV.${prefix}-runs.${evil}.about`, Buffer.from(JSON.stringify(entryOf('a'))));
    await connection.flush();
    await runs.values.set('b.about', { ...entryOf('b'), run: evil });
    await runs.values.set('c.about', { ...entryOf('c'), digest: evil });
    await runs.values.set('mine.beat', { ...BEAT, at: evil });
    assert.deepEqual(await runs.list(), [{ ...entryOf('mine'), beat: undefined }]);
  });

  it('beat() does not wait for a server that is away', async (test) => {
    const own = await startServer(test);
    const jetStream = await jetStreamOf(test, own);
    const runs = await RunRegistry.open(jetStream);
    await runs.register(entryOf('a'));
    await own.kill();
    await until(() => !jetStream.link.control.connected);
    assert.equal(await runs.beat('a', BEAT), false);
    assert.equal(await runs.stopRequested('a'), false);
    await own.start();
    await until(() => runs.beat('a', BEAT));
    assert.equal((await runs.find('a'))?.beat?.round, BEAT.round);
  });
});

describe('Lease', { skip: WITHOUT_NATS }, () => {
  let leases = 0;

  /** How holders of one run's lease acquire it, each over a link of its own. */
  async function contenders(test: TestContext, at: TestServer = server!) {
    leases += 1;
    const run = `leased-${leases}`;
    return async (holder: string, more: Partial<LeaseOptions> = {}) => {
      const jetStream = await jetStreamOf(test, at);
      const { values } = await RunRegistry.open(jetStream, { prefix: 'leases' });
      // nobody is taken for dead in these tests, unless they say so
      const options: LeaseOptions = { values, run, holder, seconds: 10 ** 6, ...more };
      test.after(() => jetStream.link.close());
      return { link: jetStream.link, acquire: () => Lease.acquire(options), values, key: `${run}.lease` };
    };
  }

  it('is had by one; the next one is told by whom, and has it when it is released', async (test) => {
    const contend = await contenders(test);
    const held = await (await contend('first')).acquire();
    const told: string[] = [];
    let acquired = false;
    const standby = (await contend('second', { onWaiting: (holder) => told.push(holder) })).acquire().then((lease) => {
      acquired = true;
      return lease;
    });
    await until(() => told.length > 0);
    assert.equal(acquired, false);
    await held.release();
    await held.release();
    const next = await standby;
    assert.deepEqual(told, ['first']);
    assert.deepEqual([held.lost.aborted, next.lost.aborted], [false, false]);
    await next.release();
  });

  it('tells of a holder whose name is not one without its control characters', async (test) => {
    const contend = await contenders(test);
    const stop = new AbortController();
    const told: string[] = [];
    const onWaiting = (holder: string) => {
      told.push(holder);
      stop.abort();
    };
    const { acquire, values, key } = await contend('second', { signal: stop.signal, onWaiting });
    await values.set(key, { holder: 'first\u001b[2J\u202e', token: 'x', renewals: 0 });
    await assert.rejects(acquire(), { name: 'AbortError' });
    assert.deepEqual(told, ['first']);
  });

  it('is taken from a holder that is silent', async (test) => {
    const contend = await contenders(test);
    const first = await contend('first');
    await first.acquire();
    // as it is for others when its process is killed: there is no goodbye
    await first.link.close();
    const next = await (await contend('second', { seconds: 0.2 })).acquire();
    assert.equal(next.lost.aborted, false);
    await next.release();
  });

  it('is had at once by a holder of the same name, started again; the one before finds out', async (test) => {
    const contend = await contenders(test);
    const before = await (await contend('first', { seconds: 0.1 })).acquire();
    const again = await (await contend('first')).acquire();
    await until(() => before.lost.aborted);
    assert.ok(before.lost.reason instanceof ClusterError);
    assert.match(before.lost.reason.message, /first holds the lease of the run now$/);
    assert.equal(again.lost.aborted, false);
    await before.release();
    await again.release();
  });

  it('acquire() ends with the signal', async (test) => {
    const contend = await contenders(test);
    const held = await (await contend('first')).acquire();
    const stop = new AbortController();
    const standby = await contend('second', { signal: stop.signal, onWaiting: () => stop.abort() });
    await assert.rejects(standby.acquire(), { name: 'AbortError' });
    await held.release();
  });

  it('outlives the server: its holder goes on renewing it', async (test) => {
    const own = await startServer(test);
    const contend = await contenders(test, own);
    const { acquire, link, values, key } = await contend('first', { seconds: 0.1 });
    const held = await acquire();
    const revision = async () => {
      const found = await values.get(key, (value) => value);
      return typeof found === 'object' ? found.revision : 0;
    };
    await own.kill();
    await until(() => !link.control.connected);
    await own.start();
    await until(() => link.control.connected);
    const before = await revision();
    await until(async () => (await revision()) > before);
    assert.equal(held.lost.aborted, false);
    await held.release();
  });
});
