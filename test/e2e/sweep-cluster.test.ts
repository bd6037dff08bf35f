/** `lopt sweep` over a real nats-server, with workers as processes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { loptHere } from '../fixtures/command-line.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { writeSweep } from '../fixtures/sweep-file.js';
import { logOf, phisOf, progressOf } from '../fixtures/sweep-results.js';
import { CLI, lopt, seededRandom, startProcess } from './harness.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

/** A process that is gone when the test ends. */
function start(test: TestContext, ...words: string[]): ReturnType<typeof startProcess> {
  const started = startProcess([CLI, ...words]);
  test.after(async () => {
    started.child.kill('SIGKILL');
    await started.ended;
  });
  return started;
}

describe('a sweep on a cluster', { skip: WITHOUT_NATS }, () => {
  let expected: { phis: Record<string, string>; log: string[] };

  before(async () => {
    expected = await withFolder(async (folder) => {
      const out = join(folder, 'sweep');
      const { code, stderr } = await lopt(['sweep', writeSweep(folder), '--out', out]);
      assert.equal(code, 0, stderr);
      return { phis: phisOf(out), log: logOf(out) };
    });
  });

  it('has the bits of the embedded one, with its leader and a worker killed', async (test) => {
    const folder = temporaryFolder(test);
    const out = join(folder, 'sweep');
    const nats = ['--nats', server!.url, '--run', 'killed'];
    const workerOf = (name: string) => start(test, 'worker', '--threads', '1', '--name', name, ...nats);
    workerOf('w1');
    const doomed = workerOf('w2');
    const random = seededRandom(2);
    let kills = 0;
    for (let done = false; !done; ) {
      const begin = kills === 0 ? [writeSweep(folder)] : ['--resume'];
      const { child, ended } = start(test, 'sweep', ...begin, '--out', out, '--name', 'leader', ...nats);
      const until = progressOf(out) + 500 + 12_000 * random();
      while (child.exitCode === null && progressOf(out) < until) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGKILL');
      const { code, stderr } = await ended;
      done = code === 0;
      if (done) break;
      assert.equal(code, null, stderr);
      kills += 1;
      if (kills === 2) {
        doomed.child.kill('SIGKILL');
        workerOf('w3');
      }
    }
    assert.ok(kills >= 2, `${kills}`);
    assert.deepEqual(phisOf(out), expected.phis);
    assert.deepEqual(logOf(out), expected.log);
    const { stdout } = await lopt(['status', ...nats.slice(0, 2)]);
    assert.match(
      stdout,
      /^killed {2}quadratic {2}finished {2}0 of 6 trials running, 6 done {2}best [\d.]+ \(trial \d\)/m,
    );
  });

  it('runs on processes of this machine by lopt up, and goes on there', async (test) => {
    const folder = temporaryFolder(test);
    const out = join(folder, 'sweep');
    const words = ['up', '--workers', '2', '--threads', '1', '--out', out];
    const first = start(test, ...words, writeSweep(folder));
    while (first.child.exitCode === null && progressOf(out) < 6000)
      await new Promise((resolve) => setTimeout(resolve, 5));
    first.child.kill('SIGINT');
    const stopped = await first.ended;
    assert.equal(stopped.code, 130, stopped.stdout + stopped.stderr);
    const { code, stdout, stderr } = await start(test, ...words, '--resume').ended;
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^Swept 6 trials in /m);
    assert.deepEqual(phisOf(out), expected.phis);
    assert.deepEqual(logOf(out), expected.log);
  });

  it('takes no flags of a single run', async (test) => {
    const folder = temporaryFolder(test);
    const { code, stderr } = await loptHere(['up', writeSweep(folder), '--learning-rate', '0.1'], folder);
    assert.equal(code, 2);
    assert.match(stderr, /^Cannot bring a cluster up: "learning-rate" must stand in the sweep's file/);
  });
});
