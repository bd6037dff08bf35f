import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findNatsServer, NatsServer } from '../../deploy/cluster/nats-server.js';
import { ClusterError } from '../../shared/errors.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { WITHOUT_NATS } from '../fixtures/nats-server.js';

describe('findNatsServer()', () => {
  it('takes the one that is named, else the first on PATH', (test) => {
    const [first, second] = [temporaryFolder(test), temporaryFolder(test)];
    for (const folder of [first, second]) {
      writeFileSync(join(folder, 'nats-server'), '');
      chmodSync(join(folder, 'nats-server'), 0o755);
    }
    writeFileSync(join(first, 'not-executable'), '', { mode: 0o644 });
    const named = join(second, 'nats-server');
    assert.equal(findNatsServer({ NATS_SERVER_BIN: named, PATH: first }), named);
    assert.equal(findNatsServer({ PATH: `/nowhere:${first}:${second}` }), join(first, 'nats-server'));
    assert.equal(findNatsServer({ NATS_SERVER_BIN: join(first, 'not-executable'), PATH: first }), undefined);
  });
});

describe('NatsServer.start()', { skip: WITHOUT_NATS }, () => {
  const binary = findNatsServer()!;

  function rejected(message: RegExp) {
    return (error: unknown) => {
      assert.ok(error instanceof ClusterError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    };
  }

  it('starts servers beside each other, and stop() ends them', async (test) => {
    const lines: string[] = [];
    const onLine = (line: string) => lines.push(line);
    const [first, second] = await Promise.all([
      NatsServer.start({ binary, store: temporaryFolder(test), onLine }),
      NatsServer.start({ binary, store: temporaryFolder(test), jetStream: false }),
    ]);
    assert.notEqual(first.port, second.port);
    assert.equal(first.url, `nats://127.0.0.1:${first.port}`);
    assert.ok(lines.some((line) => line.includes('JetStream')));
    await first.stop();
    await first.stop();
    assert.throws(() => process.kill(first.pid, 0), { code: 'ESRCH' });
    second.signal('SIGKILL');
    await second.ended;
  });

  it('says in a sentence why there is no server', async (test) => {
    const store = temporaryFolder(test);
    const server = await NatsServer.start({ binary, store });
    await assert.rejects(
      NatsServer.start({ binary, store: temporaryFolder(test), port: server.port }),
      rejected(/^Cannot start .*: .*address already in use/),
    );
    await server.stop();
    await assert.rejects(NatsServer.start({ binary: '/nowhere/nats-server', store }), rejected(/ENOENT/));
    const config = join(store, 'nats.conf');
    writeFileSync(config, 'nonsense: {');
    await assert.rejects(NatsServer.start({ binary, store, config }), rejected(/^Cannot start .*nats\.conf/));
    await assert.rejects(NatsServer.start({ binary: '/bin/true', store }), rejected(/it ended before it was ready$/));
  });
});
