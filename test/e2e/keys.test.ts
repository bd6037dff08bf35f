/** Keys on the command line: who may join, whom a worker follows, and a worker that is started again. */
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { CLI, lopt, SMALL_FLAGS, SMALL_ROUNDS, sha256OfFile, startProcess, trainSmall, wordsOf } from './harness.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

describe('keys of workers and coordinators', { skip: WITHOUT_NATS }, () => {
  let expected = '';

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder));
  });

  it('let in the workers alone that are listed, and a worker follow the coordinator alone that it trusts', async (test) => {
    const folder = temporaryFolder(test);
    const at = (name: string) => join(folder, name);
    const where = ['--nats', server!.url, '--run', 'listed'];
    const [listed, made] = [await lopt(['key', at('w1.pem')]), await lopt(['key', at('c.pem'), '--coordinator'])];
    assert.match(listed.stdout, /^[A-Za-z0-9_-]{43}\n$/);
    // the same file, the same key, for its owner alone
    assert.equal((await lopt(['key', at('w1.pem')])).stdout, listed.stdout);
    assert.equal(statSync(at('w1.pem')).mode & 0o777, 0o600);
    writeFileSync(at('workers'), `# those of our room\n\nw1 ${listed.stdout}`);
    const worker = (name: string, ...more: string[]) => {
      const started = startProcess([CLI, 'worker', '--threads', '1', '--name', name, ...where, ...more]);
      test.after(() => started.child.kill('SIGKILL'));
      return started;
    };
    const suspicious = worker('w1', '--key-file', at('w1.pem'), '--coordinator-key', 'A'.repeat(43));
    const good = worker('w1', '--key-file', at('w1.pem'), '--coordinator-key', made.stdout.trim());
    const impostor = worker('w1');
    const unknown = worker('w2');
    const coordinator = await lopt([
      'coordinator',
      'quadratic',
      ...wordsOf({ ...SMALL_FLAGS, rounds: SMALL_ROUNDS }),
      ...['--workers-file', at('workers'), '--key-file', at('c.pem'), '--out', at('out'), ...where],
    ]);
    assert.deepEqual([coordinator.code, coordinator.stderr], [0, '']);
    assert.equal(sha256OfFile(at('out/last.safetensors')), expected);
    for (const [ended, why] of [
      [await impostor.ended, 'its key is not the one that is listed for its name'],
      [await unknown.ended, 'its name is not listed'],
    ] as const) {
      assert.equal(ended.code, 1);
      assert.ok(ended.stderr.includes(`is refused: ${why}`), ended.stderr);
    }
    for (const each of [suspicious, good]) each.child.kill('SIGTERM');
    const { stderr } = await suspicious.ended;
    assert.match(stderr, /is dropped.*: its key, [A-Za-z0-9_-]{43}, is none of those trusted here/);
    assert.equal((await good.ended).code, 0);
  });

  it('let a worker that was killed and started again with a new key join at once', async (test) => {
    const folder = temporaryFolder(test);
    const where = ['--nats', server!.url, '--run', 'again'];
    const worker = () => startProcess([CLI, 'worker', '--threads', '1', '--name', 'w1', ...where]);
    const first = worker();
    const coordinator = startProcess([
      ...[CLI, 'coordinator', 'quadratic', ...wordsOf({ ...SMALL_FLAGS, rounds: 2500 }), '--out', folder, ...where],
    ]);
    test.after(() => {
      for (const { child } of [first, coordinator]) child.kill('SIGKILL');
    });
    await coordinator.printed('rounds/s');
    first.child.kill('SIGKILL');
    await first.ended;
    const second = worker();
    test.after(() => second.child.kill('SIGKILL'));
    const { code, stdout } = await coordinator.ended;
    second.child.kill('SIGTERM');
    await second.ended;
    assert.equal(code, 0, stdout);
    // the server says that the old one is gone: nobody waits for its silence
    assert.match(stdout, /Worker w1 is gone: its shards go to others/);
    assert.doesNotMatch(stdout, /is silent/);
  });
});
