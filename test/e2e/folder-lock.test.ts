import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lockFolder } from '../../deploy/run/folder-lock.js';
import { FileError } from '../../shared/errors.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { WITHOUT_PROC } from '../fixtures/processes.js';
import { until } from '../fixtures/until.js';

const task = 'Cannot test';

/** The 22nd field of a process's stat: when it began. */
function startOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')[19]!;
}

describe('lockFolder()', { skip: WITHOUT_PROC }, () => {
  it('waits for a living process for as long as it is told to, and takes the lock when that one ends', async (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'lock');
    const other = spawn('sleep', ['1000']);
    test.after(() => other.kill('SIGKILL'));
    const pid = other.pid!;
    const held = JSON.stringify({ pid, started: startOf(pid), host: hostname() });
    writeFileSync(path, held);
    await assert.rejects(lockFolder(folder, { task }), (error: unknown) => {
      assert.ok(error instanceof FileError);
      assert.equal(error.message, `${task} ${folder}: process ${pid} is using it; wait for it to end, or stop it`);
      return true;
    });
    assert.equal(readFileSync(path, 'utf8'), held);
    const said: string[] = [];
    const waiting = lockFolder(folder, { task, patienceSeconds: 10 ** 6, onWaiting: (line) => said.push(line) });
    await until(() => said.length > 0);
    assert.deepEqual(said, [`Waiting for process ${pid}, which is still using ${folder}`]);
    other.kill('SIGKILL');
    await once(other, 'close');
    const release = await waiting;
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid, process.pid);
    release();
    release();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('takes over from a process whose number is another’s now, and from one that has ended unnoticed', async (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'lock');
    const mine = { pid: process.pid, started: startOf(process.pid), host: hostname() };
    writeFileSync(path, JSON.stringify({ ...mine, started: '1' }));
    (await lockFolder(folder, { task }))();
    // a program that never looks at the end of its child, and so leaves it listed; a shell might look before it becomes that
    const shell = spawn('sh', ['-c', 'sleep 1 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
    test.after(() => shell.kill('SIGKILL'));
    const [line] = (await once(shell.stdout!, 'data')) as [Buffer];
    const ended = Number(line.toString());
    await until(() => existsSync(`/proc/${ended}/stat`) && / Z /.test(readFileSync(`/proc/${ended}/stat`, 'utf8')));
    writeFileSync(path, JSON.stringify({ ...mine, pid: ended, started: startOf(ended) }));
    (await lockFolder(folder, { task }))();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('does not remove the lock of another process when it is released', async (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, 'lock');
    const release = await lockFolder(folder, { task });
    writeFileSync(path, 'another’s');
    release();
    assert.equal(readFileSync(path, 'utf8'), 'another’s');
  });
});
