import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { findNatsServer } from '../../deploy/cluster/nats-server.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { WITHOUT_NATS } from '../fixtures/nats-server.js';
import { descendantsOf, isAlive, type SeenProcess, WITHOUT_PROC } from '../fixtures/processes.js';
import { until } from '../fixtures/until.js';
import {
  CLI,
  lopt,
  reaches,
  reportedIn,
  SMALL_FLAGS,
  sha256OfFile,
  startProcess,
  trainSmall,
  upTo,
  wordsOf,
} from './harness.js';

const ROUNDS = 260;
const WORDS = ['up', 'quadratic', ...wordsOf(SMALL_FLAGS), '--rounds', String(ROUNDS)];

/** What `lopt up` consists of, by what stands in the command. */
const PARTS = {
  worker: / worker .*--name worker-1 /,
  coordinator: / coordinator /,
  server: /nats-server .*-sd /,
  keeper: /server-keeper/,
} as const;

/** `lopt up` that goes on in a folder; it is gone, with all that it started, when the test ends. */
function startUp(test: TestContext, out: string, words: readonly string[]) {
  const started = startProcess([CLI, ...words, '--workers', '2', '--threads', '1', '--out', out]);
  const { pid } = started.child;
  const seen = new Set<number>();
  const parts = (): SeenProcess[] => {
    const found = descendantsOf(pid!);
    for (const part of found) seen.add(part.pid);
    return found;
  };
  test.after(() => {
    for (const each of [pid!, ...seen]) if (isAlive(each)) process.kill(each, 'SIGKILL');
  });
  return {
    ...started,
    parts,
    reaches: (round: number) => reaches(started.child, join(out, 'metrics.jsonl'), round),
    /** Those that were there at any look, and still are. */
    left: () => [...seen].filter(isAlive),
  };
}

describe('lopt up', { skip: WITHOUT_NATS || WITHOUT_PROC, timeout: 300_000 }, () => {
  let expected = '';

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder, { threads: 1, goal: { rounds: ROUNDS } }));
  });

  function assertWhole(out: string): void {
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    assert.deepEqual(reportedIn(out).metrics.rounds, upTo(ROUNDS));
  }

  it('trains to the φ of lopt train, and leaves no process', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const up = startUp(test, out, WORDS);
    await up.reaches(1);
    assert.equal(up.parts().length, 5, 'a keeper, a server, a coordinator and two workers');
    const { code, stdout, stderr } = await up.ended;
    assert.equal(code, 0, stdout + stderr);
    assertWhole(out);
    assert.deepEqual(up.left(), []);
  });

  it('goes on to the same φ while each of its processes is killed', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const up = startUp(test, out, WORDS);
    const killed: number[] = [];
    for (const [index, name] of (['worker', 'coordinator', 'server', 'keeper', 'server'] as const).entries()) {
      await up.reaches(20 + 45 * index);
      await until(() => {
        const part = up.parts().find(({ command }) => PARTS[name].test(command));
        if (part) killed.push(part.pid);
        return part !== undefined || up.child.exitCode !== null;
      });
      process.kill(killed.at(-1)!, 'SIGKILL');
    }
    const { code, stdout, stderr } = await up.ended;
    assert.equal(code, 0, stdout + stderr);
    assert.equal(new Set(killed).size, 5);
    assertWhole(out);
    assert.deepEqual(up.left(), []);
    for (const name of ['worker-1', 'the coordinator', 'the keeper of nats-server']) {
      assert.match(stdout, new RegExp(`${name} was killed by SIGKILL, and is started again in .* s\n`));
    }
    assert.match(stdout, /nats-server was killed, and is started again on nats:/);
  });

  it('says that the port of a killed server is taken, and goes on when it is free', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const up = startUp(test, out, WORDS);
    await up.reaches(40);
    const pidOf = (name: keyof typeof PARTS) => up.parts().find(({ command }) => PARTS[name].test(command))!.pid;
    const [keeper, server] = [pidOf('keeper'), pidOf('server')];
    const port = Number(
      readFileSync(join(out, 'logs', 'nats-server.log'), 'utf8').match(/connections on .*:(\d+)/)![1],
    );
    // the keeper does not see the end of its server until the port is another's
    process.kill(keeper, 'SIGSTOP');
    process.kill(server, 'SIGKILL');
    const other = createServer((socket) => socket.destroy());
    test.after(() => other.close());
    await until(async () => {
      other.listen(port, '127.0.0.1');
      const [event] = await Promise.race([once(other, 'listening').then(() => ['listening']), once(other, 'error')]);
      return event === 'listening';
    });
    process.kill(keeper, 'SIGCONT');
    await up.printed('; trying again');
    other.close();
    const { code, stdout, stderr } = await up.ended;
    assert.equal(code, 0, stdout + stderr);
    assertWhole(out);
    assert.deepEqual(up.left(), []);
  });

  it('saves at Ctrl-C, says how to go on, and goes on to the same φ', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const up = startUp(test, out, WORDS);
    await up.reaches(40);
    up.parts();
    up.child.kill('SIGINT');
    const { code, stdout, stderr } = await up.ended;
    assert.equal(code, 130, stdout + stderr);
    assert.deepEqual(up.left(), []);
    const command = /Stopped after round \d+; resume with: lopt (.*)\n/.exec(stdout)?.[1];
    assert.equal(command, `up --resume --out ${out}`, stdout);
    const resumed = await startUp(test, out, command!.split(' ').slice(0, -2)).ended;
    assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
    assertWhole(out);
  });

  it('ends by SIGTERM while its coordinator is between two starts, and leaves no process', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const up = startUp(test, out, ['up', 'quadratic', ...wordsOf(SMALL_FLAGS), '--rounds', '100000000']);
    await up.reaches(20);
    const coordinator = up.parts().find(({ command }) => PARTS.coordinator.test(command))!;
    process.kill(coordinator.pid, 'SIGKILL');
    await up.printed('the coordinator was killed by SIGKILL, and is started again');
    up.child.kill('SIGTERM');
    const { code, stdout, stderr } = await up.ended;
    assert.equal(code, 130, stdout + stderr);
    assert.deepEqual(up.left(), []);
  });

  it('ends by SIGTERM while its nats-server is frozen, and leaves no process', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const up = startUp(test, out, ['up', 'quadratic', ...wordsOf(SMALL_FLAGS), '--rounds', '100000000']);
    await up.reaches(20);
    process.kill(up.parts().find(({ command }) => PARTS.server.test(command))!.pid, 'SIGSTOP');
    up.child.kill('SIGTERM');
    const { code, stdout, stderr } = await up.ended;
    assert.equal(code, 1, stdout + stderr);
    assert.match(stderr, /NATS at .* has not answered for \d+ s/);
    assert.deepEqual(up.left(), []);
  });

  it('killed itself leaves no process, and goes on to the same φ', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const up = startUp(test, out, WORDS);
    await up.reaches(40);
    const parts = up.parts();
    assert.equal(parts.length, 5);
    up.child.kill('SIGKILL');
    await up.ended;
    // without waiting for those that still save: the folder is theirs until they are gone
    const resumed = startUp(test, out, ['up', '--resume']);
    const { code, stdout, stderr } = await resumed.ended;
    assert.equal(code, 0, stdout + stderr);
    assertWhole(out);
    await until(() => up.left().length === 0);
  });

  it('says in a sentence that there is no nats-server', async (test) => {
    const folder = temporaryFolder(test);
    const { code, stderr } = await lopt(['up', '--rounds', '1'], folder, { NATS_SERVER_BIN: '/nowhere/nats-server' });
    assert.deepEqual(
      [code, stderr],
      [
        1,
        'Cannot bring a cluster up: nats-server must be on the PATH or in NATS_SERVER_BIN (Debian: apt install nats-server), or a running one named by --nats\n',
      ],
    );
  });

  it('starts a nats-server again that is killed while it starts, and says so where that does not help', async (test) => {
    const folder = temporaryFolder(test);
    /** A server that kills itself so many times before it begins. */
    const killed = (times: number) => {
      const path = join(folder, `killed-${times}`);
      const script = `#!/bin/sh\necho >> ${path}.log\n[ $(wc -l < ${path}.log) -le ${times} ] && kill -9 $$\nexec ${findNatsServer()} "$@"\n`;
      writeFileSync(path, script, { mode: 0o755 });
      return path;
    };
    const words = (out: string) => [...WORDS.slice(0, -1), '2', '--workers', '1', '--threads', '1', '--out', out];
    const twice = await lopt(words('twice'), folder, { NATS_SERVER_BIN: killed(2) });
    assert.equal(twice.code, 0, twice.stdout + twice.stderr);
    const always = killed(1000);
    const { code, stderr } = await lopt(words('always'), folder, { NATS_SERVER_BIN: always });
    const sentence = `Cannot bring a cluster up: Cannot start ${always}: it was killed by SIGKILL before it was ready\n`;
    assert.deepEqual([code, stderr], [1, sentence]);
  });

  it('says in a sentence why nats-server cannot be started', async (test) => {
    const folder = temporaryFolder(test);
    const { code, stderr } = await lopt(['up', '--rounds', '1', '--out', 'run'], folder, {
      NATS_SERVER_BIN: '/bin/false',
    });
    assert.deepEqual(
      [code, stderr],
      [1, 'Cannot bring a cluster up: Cannot start /bin/false: it ended before it was ready\n'],
    );
  });
});
