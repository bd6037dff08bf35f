import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ClusterError, FileError, type LoptError, UsageError } from '../../shared/errors.js';
import { silentLogger } from '../../shared/logger.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { NatsLink } from '../../shared/nats/link.js';
import type { NatsOptions } from '../../shared/nats/options.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { Lines } from '../fixtures/lines.js';
import { operatorMode, userKey } from '../fixtures/nats-credentials.js';
import { connectTo, startServer, type TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { until } from '../fixtures/until.js';

const SECRET = 's3cret-of-a-test';

/** A certificate or key of the tests. */
function tlsFile(name: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/tls/${name}`, import.meta.url));
}

/** A server with this configuration. */
function configured(test: TestContext, config: string): Promise<TestServer> {
  const path = join(temporaryFolder(test), 'nats.conf');
  writeFileSync(path, config);
  return startServer(test, { config: path });
}

function file(test: TestContext, content: string): string {
  const path = join(temporaryFolder(test), 'file');
  writeFileSync(path, content);
  return path;
}

/** Asserts that there is no connection, and why; one sentence, without a secret. */
async function assertRefused(
  nats: NatsOptions,
  message: RegExp,
  kind: abstract new (...args: never[]) => LoptError = ClusterError,
): Promise<void> {
  const logger = new Lines();
  await assert.rejects(NatsLink.connect({ nats, name: 'lopt test', logger }), (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    assert.match(error.message, /^Cannot [^\n]*$/);
    for (const line of [error.message, ...logger.lines]) assert.ok(!line.includes(SECRET), line);
    return true;
  });
}

describe('NatsLink.connect()', { skip: WITHOUT_NATS }, () => {
  it('signs in with a user and password, beside the URL or in it', async (test) => {
    const server = await configured(test, `authorization { user: "w@rker", password: "${SECRET}" }`);
    await connectTo(test, server, { user: 'w@rker', password: SECRET });
    await connectTo(test, server, { url: `nats://w%40rker:${SECRET}@127.0.0.1:${server.port}` });
    const { url } = server;
    await assertRefused({ url }, /it demands credentials, and none were given$/);
    await assertRefused({ url, user: 'w@rker', password: `not ${SECRET}` }, /it refuses these credentials$/);
    await assertRefused({ url: `nats://other:${SECRET}@127.0.0.1:${server.port}` }, /it refuses these credentials$/);
  });

  it('signs in with a token, an nkey, and a credentials file', async (test) => {
    const tokens = await configured(test, `authorization { token: "${SECRET}" }`);
    await connectTo(test, tokens, { token: SECRET });
    await assertRefused({ url: tokens.url, token: `not ${SECRET}` }, /it refuses these credentials$/);

    const [mine, other] = [userKey(), userKey()];
    const keys = await configured(test, `authorization { users: [ { nkey: ${mine.publicKey} } ] }`);
    await connectTo(test, keys, { nkeyFile: file(test, `${mine.seed}\n`) });
    await assertRefused({ url: keys.url, nkeyFile: file(test, other.seed) }, /it refuses these credentials$/);

    const [{ config, credentials }, strange] = [operatorMode(), operatorMode()];
    const accounts = await configured(test, config);
    await connectTo(test, accounts, { credsFile: file(test, credentials) });
    await assertRefused(
      { url: accounts.url, credsFile: file(test, strange.credentials) },
      /it refuses these credentials$/,
    );
  });

  it('names a file of keys that is missing or damaged', async (test) => {
    const url = 'nats://127.0.0.1:1';
    for (const option of ['nkeyFile', 'credsFile', 'caFile']) {
      await assertRefused(
        { url, [option]: '/nowhere/file' },
        /from \/nowhere\/file: there is no such file$/,
        FileError,
      );
    }
    const damaged = file(test, 'no key at all');
    await assertRefused({ url, nkeyFile: damaged }, /must hold an nkey's seed, and it is damaged/, FileError);
    await assertRefused({ url, credsFile: damaged }, /must hold NATS credentials, and it is damaged/, FileError);
  });

  it('speaks TLS with an authority, and with a client certificate where one is demanded', async (test) => {
    const files = `cert_file: "${tlsFile('server.pem')}", key_file: "${tlsFile('server.key')}"`;
    const [caFile, strangeFile] = [tlsFile('ca.pem'), tlsFile('stranger.pem')];
    const server = await configured(test, `tls { ${files} }`);
    await connectTo(test, server, { caFile });
    await connectTo(test, server, { caFile, url: `tls://localhost:${server.port}` });
    await assertRefused(
      { url: server.url },
      /its certificate cannot be trusted \(.*\); name the authority that signed it$/,
    );
    await assertRefused({ url: server.url, caFile: strangeFile }, /its certificate cannot be trusted/);

    const strict = await configured(test, `tls { ${files}, ca_file: "${caFile}", verify: true }`);
    const client = { certFile: tlsFile('client.pem'), keyFile: tlsFile('client.key') };
    await connectTo(test, strict, { caFile, ...client });
    await assertRefused({ url: strict.url, caFile }, /it demands a client certificate that it trusts$/);

    const plain = await startServer(test);
    await assertRefused(
      { url: plain.url.replace('nats:', 'tls:') },
      /TLS was demanded, and the server does not offer it$/,
    );
  });

  it('says what is wrong with an address, and with options that do not go together', async () => {
    const url = 'nats://127.0.0.1:4222';
    for (const [options, message] of [
      [{ url: '' }, /"url" must be like nats:\/\/host:4222, got ""$/],
      [{ url: 'http://host' }, /"url" must begin with nats:\/\/ or tls:\/\/, got http:\/\/host$/],
      [{ url: `nats://user:${SECRET}@ho st` }, /cannot be read as a URL$/],
      [{ url, user: 'a', token: SECRET }, /only one of user, token must be given$/],
      [{ url, password: SECRET }, /a password must come with a user$/],
      [{ url, certFile: 'x.pem' }, /a certificate and its key must be given together$/],
    ] as const) {
      await assertRefused(options, message, UsageError);
    }
  });

  it('says why it cannot reach a server', async (test) => {
    await assertRefused(
      { url: 'nats://127.0.0.1:1' },
      /at nats:\/\/127\.0\.0\.1:1: no server listens there; start one/,
    );
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(web, 'listening');
    test.after(() => web.close());
    const { port } = web.address() as AddressInfo;
    await assertRefused({ url: `nats://127.0.0.1:${port}` }, /the server there is not a NATS server$/);
  });

  it('says what a server says that takes no more connections', async (test) => {
    const full =
      /: it says "maximum connections exceeded"; allow it more \(max_connections\), or end what is connected$/;
    // a link makes two connections: of the second one both are refused, or one
    const refused = async (config: string, message: RegExp, more: Partial<NatsOptions> = {}) => {
      const server = await configured(test, config);
      await connectTo(test, server, more);
      await assertRefused({ url: server.url, ...more }, message);
    };
    await Promise.all([
      refused('max_connections: 2', full),
      refused('max_connections: 3', full),
      // a server that greets all, and refuses this one later
      refused(
        `accounts { A { users: [{ user: a, password: "${SECRET}" }], limits { max_connections: 2 } } }`,
        /: it greets, but takes no connection of this client; its log says why$/,
        { user: 'a', password: SECRET },
      ),
    ]);
  });

  it('takes the next of several servers, and waits for one that is started later', async (test) => {
    const server = await startServer(test);
    await connectTo(test, server, { url: `127.0.0.1:1,127.0.0.1:${server.port}` });
    await server.kill();
    const logger = new Lines();
    const connecting = NatsLink.connect({ nats: { url: server.url }, name: 'lopt test', logger, waitSeconds: 10 ** 6 });
    await until(() => logger.lines.some((line) => line.endsWith('trying again')));
    await server.start();
    await (await connecting).close();
    await server.kill();
    const stop = new AbortController();
    const waiting = NatsLink.connect({
      nats: { url: server.url },
      name: 'lopt test',
      logger,
      waitSeconds: 10 ** 6,
      signal: stop.signal,
    });
    stop.abort();
    await assert.rejects(waiting, ClusterError);
  });
});

describe('NatsLink', { skip: WITHOUT_NATS }, () => {
  it('close() sends what is left, and can be called twice, also where the server is gone', async (test) => {
    const server = await startServer(test);
    const [sender, receiver] = [await connectTo(test, server), await connectTo(test, server)];
    const received: string[] = [];
    receiver.control.subscribe('test', ({ bytes }) => received.push(Buffer.from(bytes).toString()));
    await receiver.control.flush();
    for (let i = 0; i < 100; i++) sender.control.publish('test', Buffer.from(`${i}`));
    await Promise.all([sender.close(), sender.close()]);
    await receiver.control.flush();
    assert.deepEqual(
      received,
      Array.from({ length: 100 }, (_, i) => `${i}`),
    );
    await server.kill();
    await until(() => !receiver.control.connected);
    await receiver.close();
    sender.control.publish('test', Buffer.from('late'));
    assert.equal(await receiver.control.request('test', Buffer.alloc(1), 10 ** 6), undefined);
  });

  it('answers after what is sent in the same turn, and before it closes', async (test) => {
    const server = await startServer(test);
    const [asking, answering] = [await connectTo(test, server), await connectTo(test, server)];
    const [word, closing] = [Buffer.from('word'), Buffer.from('close')];
    const order: string[] = [];
    asking.control.subscribe('sent', () => order.push('sent'));
    answering.control.subscribe('question', ({ bytes, answer }) => {
      answer(bytes);
      answering.control.publish('sent', word);
      if (closing.equals(bytes)) void answering.control.close();
    });
    await Promise.all([asking.control.flush(), answering.control.flush()]);
    for (const question of [word, closing]) {
      const answered = await asking.control.request('question', question, 5000);
      assert.deepEqual(Buffer.from(answered!), question);
      order.push('answered');
    }
    assert.deepEqual(order.slice(0, 2), ['sent', 'answered']);
  });

  it('request() finds at once that nobody subscribes, or that the connection is lost', async (test) => {
    const server = await startServer(test);
    const { control } = await connectTo(test, server);
    assert.equal(await control.request('nobody', Buffer.alloc(1), 10 ** 6), undefined);
    control.subscribe('silent', () => {});
    const asked = control.request('silent', Buffer.alloc(1), 10 ** 6);
    await control.flush();
    await server.kill();
    assert.equal(await asked, undefined);
  });

  it('says what the server forbids, once in a while, and goes on', async (test) => {
    const server = await configured(
      test,
      `authorization { users: [ { user: worker, password: p, permissions: { publish: ["allowed"], subscribe: ["allowed", "_INBOX.>"] } } ] }`,
    );
    const logger = new Lines();
    const { control } = await connectTo(test, server, { user: 'worker', password: 'p', logger });
    for (let i = 0; i < 20; i++) control.publish('forbidden', Buffer.alloc(1));
    await control.flush();
    await until(() => logger.lines.length > 0);
    assert.deepEqual(logger.lines, ['The NATS server forbids the publish "forbidden"']);
    assert.equal(await control.request('forbidden', Buffer.alloc(1), 10 ** 6), undefined);
    let received = 0;
    control.subscribe('allowed', () => {
      received += 1;
    });
    control.publish('allowed', Buffer.alloc(1));
    await control.flush();
    assert.equal(received, 1);
  });
});

describe('JetStream.open()', { skip: WITHOUT_NATS }, () => {
  async function assertUnusable(
    test: TestContext,
    server: { url: string },
    nats: object,
    message: RegExp,
  ): Promise<void> {
    const link = await NatsLink.connect({
      nats: { url: server.url, ...nats },
      name: 'lopt test',
      logger: silentLogger,
    });
    test.after(() => link.close());
    await assert.rejects(JetStream.open(link, { logger: silentLogger }), (error) => {
      assert.ok(error instanceof ClusterError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }

  it('says what a server lacks', async (test) => {
    const without = await startServer(test, { jetStream: false });
    await assertUnusable(test, without, {}, /JetStream must be enabled there, as by nats-server -js -sd FOLDER$/);
    const accounts = await configured(
      test,
      `accounts {
        A: { users: [ { user: a, password: p } ] }
        B: { jetstream: enabled, users: [ { user: b, password: p, permissions: { publish: ["lopt.>"], subscribe: [">"] } } ] }
      }`,
    );
    await assertUnusable(
      test,
      accounts,
      { user: 'a', password: 'p' },
      /must be enabled.*"JetStream not enabled for account"$/,
    );
    await assertUnusable(test, accounts, { user: 'b', password: 'p' }, /it forbids the publish "\$JS\.API\.INFO"$/);
  });

  it('says what version it needs', async (test) => {
    // no older server can be had here: one that says no more than who it is
    const info = { server_id: 'x', version: '2.8.4', proto: 1, max_payload: 1048576, headers: true, jetstream: true };
    const old = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        for (const _ of bytes.toString().matchAll(/PING\r\n/g)) socket.write('PONG\r\n');
      });
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    }).listen(0, '127.0.0.1');
    await once(old, 'listening');
    test.after(() => old.close());
    const url = `nats://127.0.0.1:${(old.address() as AddressInfo).port}`;
    await assertUnusable(test, { url }, {}, /the server must be of version 2\.9 or later, got 2\.8\.4$/);
  });
});
