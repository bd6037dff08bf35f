/** What `lopt coordinator` and `lopt worker` say where the server is not as it must be: one sentence, and no more. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { runSubjects } from '../../shared/subjects.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { jetStreamOf, startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { CLI, type Ended, lopt, SMALL_FLAGS, startProcess, wordsOf } from './harness.js';

const TRAIN_OTHER = ['coordinator', 'quadratic', ...wordsOf({ ...SMALL_FLAGS, layers: '20,20', shards: 2 })];
const TRAIN = [...TRAIN_OTHER, '--run', 'r'];

/** What both roles do where they cannot use a server. */
async function bothRoles(
  test: TestContext,
  url: string,
  environment: NodeJS.ProcessEnv = {},
  words: readonly string[] = [],
): Promise<Ended[]> {
  const folder = temporaryFolder(test);
  const where = ['--nats', url, ...words];
  return Promise.all([
    lopt([...TRAIN, '--out', 'run', ...where], folder, environment),
    lopt(['worker', '--threads', '1', ...where], folder, environment),
  ]);
}

function assertSentence({ code, stderr }: Ended, sentence: RegExp): void {
  assert.match(stderr, sentence);
  assert.match(stderr, /^[^\n]*\n$/);
  assert.equal(code, 1);
}

async function configured(test: TestContext, config: string) {
  const path = join(temporaryFolder(test), 'nats.conf');
  writeFileSync(path, config);
  return startServer(test, { config: path });
}

describe('lopt on a cluster', { skip: WITHOUT_NATS, timeout: 300_000 }, () => {
  it('says that no server is there', async (test) => {
    for (const ended of await bothRoles(test, 'nats://127.0.0.1:1', {}, ['--wait-seconds', '0'])) {
      assertSentence(ended, /^Cannot connect to NATS at nats:\/\/127\.0\.0\.1:1: no server listens there; start one/);
    }
  });

  it('waits for a server that is started later, and for JetStream to begin there', async (test) => {
    const server = await startServer(test);
    await server.kill();
    const folder = temporaryFolder(test);
    const where = ['--nats', server.url, '--wait-seconds', '10000'];
    const roles = [
      startProcess([CLI, ...TRAIN, '--rounds', '3', '--out', join(folder, 'run'), ...where]),
      startProcess([CLI, 'worker', '--threads', '1', ...where]),
    ] as const;
    for (const { child } of roles) test.after(() => child.kill('SIGKILL'));
    const [coordinator, worker] = roles;
    await coordinator.printed('trying again');
    await server.start();
    const { code, stdout, stderr } = await coordinator.ended;
    assert.equal(code, 0, stdout + stderr);
    worker.child.kill('SIGTERM');
    assert.equal((await worker.ended).code, 0);
  });

  it('says that a server refuses its credentials, and does not try again', async (test) => {
    const server = await configured(test, 'authorization { user: "a", password: "p" }');
    for (const ended of await bothRoles(test, server.url, { NATS_USER: 'a', NATS_PASSWORD: 'secret' })) {
      assertSentence(ended, /^Cannot [^\n]*: it refuses these credentials\n$/);
      assert.doesNotMatch(ended.stdout + ended.stderr, /secret|trying again/);
    }
    for (const ended of await bothRoles(test, server.url)) {
      assertSentence(ended, /^Cannot [^\n]*: it demands credentials, and none were given\n$/);
    }
  });

  it('says that a server has no JetStream', async (test) => {
    const server = await startServer(test, { jetStream: false });
    for (const ended of await bothRoles(test, server.url)) {
      assertSentence(ended, /: JetStream must be enabled there, as by nats-server -js -sd FOLDER\n$/);
    }
  });

  it('says that a server has not so much storage, and goes on with less', async (test) => {
    const store = temporaryFolder(test);
    const config = `jetstream { store_dir: "${store}", max_file_store: 8MB }`;
    const path = join(temporaryFolder(test), 'nats.conf');
    writeFileSync(path, config);
    const server = await startServer(test, { config: path, jetStream: false });
    const out = join(temporaryFolder(test), 'run');
    const words = [...TRAIN, '--rounds', '2', '--nats', server.url];
    const refused = await lopt([...words, '--out', out]);
    assertSentence(refused, /insufficient storage.*; give it more storage, or ask for less\n$/);
    const worker = startProcess([CLI, 'worker', '--threads', '1', '--nats', server.url]);
    test.after(() => worker.child.kill('SIGKILL'));
    const less = ['--journal-bytes', String(2 ** 21)];
    const resumed = await lopt(['coordinator', '--resume', '--run', 'r', '--nats', server.url, '--out', out, ...less]);
    assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
  });

  it('says that the journal is full, and goes on where it is allowed more', async (test) => {
    const server = await startServer(test);
    const out = join(temporaryFolder(test), 'run');
    const worker = startProcess([CLI, 'worker', '--threads', '1', '--nats', server.url]);
    test.after(() => worker.child.kill('SIGKILL'));
    const where = ['--nats', server.url, '--out', out];
    const rare = ['--checkpoint-seconds', '1000000'];
    const small = ['--journal-bytes', String(2 ** 20)];
    const full = await lopt([...TRAIN, '--rounds', '60', ...where, ...rare, ...small]);
    assertSentence(full, /^Cannot append round \d+ to the journal: its stream .* is full at 1 MiB; allow it more, or/);
    const resumed = await lopt(['coordinator', '--resume', '--run', 'r', ...where]);
    assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
    assert.match(resumed.stdout, /Resuming after round \d+\./);
  });

  it('refuses the name of another run, and a stream that is not lopt’s', async (test) => {
    const server = await startServer(test);
    const folder = temporaryFolder(test);
    const worker = startProcess([CLI, 'worker', '--threads', '1', '--nats', server.url]);
    test.after(() => worker.child.kill('SIGKILL'));
    const words = [...TRAIN, '--rounds', '1', '--nats', server.url, '--out'];
    const first = await lopt([...words, join(folder, 'a')]);
    assert.equal(first.code, 0, first.stdout + first.stderr);
    assertSentence(
      await lopt([...words, join(folder, 'b'), '--seed', '7']),
      /^Cannot start run r: NATS at .* holds a run of this name with another configuration; choose another name, or end that run with lopt stop r --delete\n$/,
    );
    const jetStream = await jetStreamOf(test, server);
    const { journalStream, journals } = runSubjects('other');
    const config = { name: journalStream, subjects: [journals] };
    await jetStream.demand('Cannot test', ({ manager }) => manager.streams.add(config));
    assertSentence(
      await lopt([...TRAIN_OTHER, '--run', 'other', '--nats', server.url, '--out', join(folder, 'c')]),
      /^Cannot open the journal of run other: the stream .* is not lopt’s; choose another name for the run, or delete that stream\n$/,
    );
  });

  it('says that the port for its metrics is in use', async (test) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    test.after(() => other.close());
    const { port } = other.address() as AddressInfo;
    const words = ['--metrics-port', String(port)];
    for (const ended of await bothRoles(test, 'nats://127.0.0.1:1', {}, words)) {
      const sentence = `Cannot serve metrics on 127.0.0.1:${port}: "metrics-port" must be free, but another process is listening on it\n`;
      assert.deepEqual([ended.code, ended.stderr], [1, sentence]);
    }
  });
});
