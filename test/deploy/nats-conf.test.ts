import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { connect, type NatsConnection } from 'nats';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator } from '../../coordinator/coordinator.js';
import { findNatsServer } from '../../deploy/cluster/nats-server.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { digestOf } from '../../shared/config.js';
import { ClusterError } from '../../shared/errors.js';
import { JetStreamHistory } from '../../shared/journal/jetstream-history.js';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import { silentLogger } from '../../shared/logger.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { Lease } from '../../shared/nats/lease.js';
import { ObjectBlobs } from '../../shared/nats/object-blobs.js';
import { RunRegistry } from '../../shared/nats/run-registry.js';
import { encodePhi } from '../../shared/phi-format.js';
import { clusterSubjects, runSubjects } from '../../shared/subjects.js';
import { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { SMALL_ROUNDS, sha256, smallRun, startOf, trainSmall } from '../e2e/harness.js';
import { withFolder } from '../fixtures/folder.js';
import { userKey } from '../fixtures/nats-credentials.js';
import { connectTo, startServer, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { credentialsOf, PASSWORDS, type Role, writeConfigs } from '../fixtures/secured-server.js';
import { deployPath } from '../fixtures/shipped.js';

const CONF = deployPath('nats/nats.conf');
const TLS_CONF = deployPath('nats/tls.conf');
const SUBJECTS = runSubjects('demo');
const REGISTRY = clusterSubjects().registry;
/** What the run's stream belongs to, whichever of its members is led. */
const RUN_DIGEST = 'd'.repeat(64);

let server: TestServer | undefined;
let folder: string | undefined;
const violations: string[] = [];

before(async () => {
  if (WITHOUT_NATS) return;
  const onLine = (line: string) => {
    if (line.includes('Violation')) violations.push(line);
  };
  folder = mkdtempSync(join(tmpdir(), 'lopt-nats-conf-'));
  server = await TestServer.start({ config: writeConfigs(folder, 'nats.conf'), onLine });
});

after(async () => {
  await server?.remove();
  if (folder) rmSync(folder, { recursive: true });
});

async function jetStreamAs(test: TestContext, role: Role): Promise<JetStream> {
  return JetStream.open(await connectTo(test, server!, credentialsOf(role)), { logger: silentLogger });
}

/** A connection that does what lopt's own code would not, and what the server refused it when it has done so much. */
async function rawAs(
  test: TestContext,
  role: Role,
): Promise<{ connection: NatsConnection; refusals(count: number): Promise<string[]> }> {
  const servers = server!.url.slice('nats://'.length);
  const connection = await connect({ servers, user: role, pass: PASSWORDS[role], inboxPrefix: `_INBOX.${role}` });
  test.after(() => connection.close());
  const refused: string[] = [];
  void (async () => {
    for await (const { permissionContext: refusal } of connection.status()) {
      if (refusal) refused.push(`${refusal.operation} ${refusal.subject}`);
    }
  })();
  const refusals = async (count: number) => {
    // what the server says comes before its answer to a flush, and is told a little later
    for (let turn = 0; turn < 1000 && refused.length < count; turn++) await connection.flush();
    return refused.sort();
  };
  return { connection, refusals };
}

/** Trains a member of the run `demo`; returns the sha256 of what last.safetensors would hold. */
async function trainOverNats(test: TestContext, member: number): Promise<string> {
  const { config } = await smallRun({ member });
  const subjects = runSubjects('demo', 'lopt', member);
  const digest = digestOf(config);
  const logger = silentLogger;
  const jetStream = await jetStreamAs(test, 'coordinator');
  const registry = await RunRegistry.open(jetStream);
  await registry.register({ run: 'demo', digest: RUN_DIGEST, config });
  const lease = await Lease.acquire({ values: registry.values, run: 'demo', holder: 'test' });
  const pools: Pool[] = [];
  const coordinator = new Coordinator({
    run: 'demo',
    config,
    digest,
    bus: new NatsBus({ link: jetStream.link, subjects, logger, config }),
    journal: await JetStreamJournal.open({ jetStream, subjects, digest: RUN_DIGEST, member, logger }),
    checkpoints: new Checkpoints(
      new ObjectBlobs({ jetStream, bucket: subjects.checkpoints, folder: `member-${member}` }),
    ),
    phi: startOf(config),
    goal: { rounds: SMALL_ROUNDS },
    logger,
    observer: {
      round({ round }) {
        // what a thread held is replayed with φ's of the journal
        if (round % 10 === 7) for (const pool of pools) void pool.terminateThread(0);
        void registry.beat('demo', { state: 'running', term: 1, round, plannedRounds: SMALL_ROUNDS, workers: 2 });
      },
    },
    checkpointSeconds: 0,
  });
  const workers = await Promise.all(
    ['w1', 'w2'].map(async (id) => {
      const workerJetStream = await jetStreamAs(test, 'worker');
      const pool = new Pool(1);
      pools.push(pool);
      // nobody takes the goodbye of a worker when its coordinator has gone
      const bus = new NatsBus({ link: workerJetStream.link, subjects, logger, drainMs: 0 });
      const history = new JetStreamHistory({ jetStream: workerJetStream, subjects, member });
      return { bus, worker: new Worker({ id, bus, pool, history, logger }) };
    }),
  );
  try {
    const { state } = await coordinator.run();
    return sha256(encodePhi(config.architecture, new Float32Array(state.phi)));
  } finally {
    for (const { worker, bus } of workers) {
      await worker.drain();
      await bus.close();
    }
    await lease.release();
    for (const pool of pools) await pool.close();
  }
}

describe('deploy/nats', { skip: WITHOUT_NATS }, () => {
  for (const path of [CONF, TLS_CONF]) {
    it(`${path.split('/').at(-1)} is valid`, () => {
      const env = { ...process.env, LOPT_TLS_CERT: 'c.pem', LOPT_TLS_KEY: 'k.pem', LOPT_TLS_CA: 'a.pem' };
      const { stderr } = spawnSync(findNatsServer()!, ['-t', '-c', path], { env, encoding: 'utf8' });
      // the files that it names are of another machine; whatever else is wrong comes first
      assert.match(
        stderr,
        path === CONF ? /nats\.conf is valid/ : /error parsing X509 certificate\/key pair: open c\.pem/,
      );
    });
  }

  it('lets coordinator, workers and observers do all that a run needs', async (test) => {
    for (const member of [0, 3]) {
      const expected = await withFolder((folder) => trainSmall(folder, { threads: 1 }, { member }));
      assert.equal(await trainOverNats(test, member), expected);
    }
    const registry = await RunRegistry.open(await jetStreamAs(test, 'observer'));
    const [listed] = await registry.list();
    assert.deepEqual([listed!.run, listed!.beat!.state], ['demo', 'running']);
    const history = new JetStreamHistory({ jetStream: await jetStreamAs(test, 'observer'), subjects: SUBJECTS });
    assert.equal((await history.latest())!.round, SMALL_ROUNDS);
    assert.deepEqual(violations, []);
  });

  it('forbids a worker what only the coordinator may send, store and hear', async (test) => {
    const { connection, refusals } = await rawAs(test, 'worker');
    const publish = [
      SUBJECTS.journal(0),
      SUBJECTS.journalParts(0),
      SUBJECTS.all,
      SUBJECTS.announcement,
      runSubjects('demo', 'lopt', 3).announcement,
      SUBJECTS.worker('w1'),
      `$KV.${REGISTRY}.demo.lease`,
      `$O.${SUBJECTS.checkpoints}.M.name`,
      '$JS.API.STREAM.CREATE.mine',
      ...['UPDATE', 'DELETE', 'PURGE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${SUBJECTS.journalStream}`),
      `$JS.API.STREAM.MSG.DELETE.${SUBJECTS.journalStream}`,
      `$JS.API.CONSUMER.CREATE.${SUBJECTS.journalStream}`,
      '_INBOX.of.another',
    ];
    const others = ['_INBOX.>', '_INBOX.coordinator.>', '_INBOX.*'];
    const subscribe = [SUBJECTS.mail, SUBJECTS.bulk, SUBJECTS.journals, '>', '$JS.API.>', ...others];
    for (const subject of publish) connection.publish(subject, 'forged');
    for (const subject of subscribe) connection.subscribe(subject, { callback: () => {} });
    const expected = [
      ...publish.map((subject) => `publish ${subject}`),
      ...subscribe.map((subject) => `subscription ${subject}`),
    ];
    assert.deepEqual(await refusals(expected.length), expected.sort());
  });

  it('forbids an observer to send and to store anything', async (test) => {
    const { connection, refusals } = await rawAs(test, 'observer');
    const publish = [
      SUBJECTS.journal(0),
      SUBJECTS.all,
      SUBJECTS.mail,
      SUBJECTS.bulk,
      `$KV.${REGISTRY}.demo.stop`,
      `$JS.API.STREAM.DELETE.${SUBJECTS.journalStream}`,
      `$JS.API.CONSUMER.CREATE.${SUBJECTS.journalStream}`,
    ];
    for (const subject of publish) connection.publish(subject, 'forged');
    const expected = publish.map((subject) => `publish ${subject}`);
    assert.deepEqual(await refusals(expected.length), expected.sort());
  });

  it('lets nobody but the coordinator have an answer written into the journal', async (test) => {
    const jetStream = await jetStreamAs(test, 'coordinator');
    // made here where this test runs alone
    await (
      await JetStreamJournal.open({ jetStream, subjects: SUBJECTS, digest: RUN_DIGEST, logger: silentLogger })
    ).close();
    const stored = async () => (await jetStreamInfo(test)).state.last_seq;
    const before = await stored();
    let answered = 0;
    jetStream.link.bulk.subscribe(SUBJECTS.bulk, ({ answer }) => {
      answered += 1;
      answer(new TextEncoder().encode('forged'));
    });
    await jetStream.link.bulk.flush();
    const { connection } = await rawAs(test, 'worker');
    const questions = [SUBJECTS.bulk, '$JS.API.INFO', `$JS.API.STREAM.MSG.GET.${SUBJECTS.journalStream}`];
    for (const subject of questions) connection.publish(subject, 'question', { reply: SUBJECTS.journal(0) });
    const { connection: observer } = await rawAs(test, 'observer');
    for (const subject of [`$JS.API.STREAM.INFO.${SUBJECTS.journalStream}`, '$JS.API.INFO']) {
      observer.publish(subject, '', { reply: SUBJECTS.journal(0) });
    }
    // their own answers come after those
    assert.equal((await connection.request(SUBJECTS.bulk, 'question')).string(), 'forged');
    for (const asking of [connection, observer]) await asking.request('$JS.API.INFO');
    assert.equal(answered, 2);
    assert.equal(await stored(), before);
  });

  it('gives a worker that has an nkey an inbox that no other worker can read', async (test) => {
    const own = mkdtempSync(join(tmpdir(), 'lopt-nkey-'));
    test.after(() => rmSync(own, { recursive: true }));
    const { publicKey, seed } = userKey();
    // the shipped example, with a key that there is
    const path = writeConfigs(own, 'nats.conf', (accounts) =>
      accounts.replace(/(# \{\n)((\s+#.*\n)+)/, (block) => block.replace(/# ?/g, '')).replaceAll('UAAA', publicKey),
    );
    const nkeyServer = await startServer(test, { config: path });
    const nkeyFile = join(own, 'worker.nk');
    writeFileSync(nkeyFile, seed);
    const worker = await connectTo(test, nkeyServer, { nkeyFile });
    const coordinator = await connectTo(test, nkeyServer, credentialsOf('coordinator'));
    let answered = 0;
    coordinator.bulk.connection.subscribe(SUBJECTS.bulk, {
      callback: (_error, message) => {
        answered += 1;
        message.respond('granted');
      },
    });
    await coordinator.bulk.flush();
    const answer = await worker.bulk.request(SUBJECTS.bulk, Buffer.from('ask'), 5000);
    assert.equal(Buffer.from(answer!).toString(), 'granted');
    // another worker, which shares the common user
    const spy = await connectTo(test, nkeyServer, credentialsOf('worker'));
    const heard: string[] = [];
    spy.bulk.subscribe(`_INBOX.${publicKey}.>`, ({ subject }) => heard.push(subject));
    spy.bulk.subscribe('_INBOX.>', ({ subject }) => heard.push(subject));
    await spy.bulk.flush();
    await worker.bulk.request(SUBJECTS.bulk, Buffer.from('ask'), 5000);
    await spy.bulk.flush();
    assert.equal(answered, 2);
    assert.deepEqual(heard, []);
  });

  it('refuses who has no password, or another', async (test) => {
    for (const nats of [{}, { user: 'worker' }, { user: 'worker', password: PASSWORDS.coordinator }]) {
      await assert.rejects(connectTo(test, server!, nats), ClusterError);
    }
  });
});

async function jetStreamInfo(test: TestContext) {
  const { connection } = await rawAs(test, 'coordinator');
  return (await connection.jetstreamManager()).streams.info(SUBJECTS.journalStream);
}
