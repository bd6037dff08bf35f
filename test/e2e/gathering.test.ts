/** Results from many workers to a coordinator that does not read: a broker drops a connection that falls 64 MiB behind. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { silentLogger } from '../../shared/logger.js';
import type { AnnounceMessage } from '../../shared/messages.js';
import { runSubjects } from '../../shared/subjects.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { resultOf } from '../fixtures/messages.js';
import { connectTo, startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { until } from '../fixtures/until.js';
import { startProcess } from './harness.js';

const COORDINATOR = fileURLToPath(new URL('./gathering-coordinator.js', import.meta.url));
const WORKERS = 48;
const RESULTS = 4;
/** 1 MB each: one part of every worker is more than the coordinator grants at once, and all together are 192 MB. */
const LENGTH = 250_000;
const GRANT_LIMIT = 16 * 2 ** 20;

describe('results over NATS', { skip: WITHOUT_NATS }, () => {
  it('are bounded on their way to a coordinator that is stopped, and all arrive when it goes on', async (test) => {
    const config = join(temporaryFolder(test), 'nats.conf');
    writeFileSync(config, 'http: "127.0.0.1:-1"\n');
    let monitor = '';
    const onLine = (line: string) => {
      monitor = /Starting http monitor on (\S+)/.exec(line)?.[1] ?? monitor;
    };
    const server = await startServer(test, { config, onLine });
    const subjects = runSubjects('gathering');
    const { child, ended, printed } = startProcess([
      COORDINATOR,
      server.url,
      subjects.run,
      String(WORKERS * RESULTS),
      String(LENGTH),
    ]);
    test.after(() => child.kill('SIGKILL'));
    const [, announced] = /^(.*) ready$/m.exec(await printed('ready'))!;
    const links = await Promise.all(Array.from({ length: WORKERS }, () => connectTo(test, server)));
    const buses = links.map((link) => new NatsBus({ link, subjects, logger: silentLogger, drainMs: 0 }));
    // what is not received is sent again for as long as they are open
    test.after(() => Promise.all(buses.map((bus) => bus.close())));
    buses.forEach((bus, worker) => {
      bus.follow(JSON.parse(announced!) as AnnounceMessage);
      for (let round = 1; round <= RESULTS; round++) bus.toCoordinator(resultOf(`w${worker}`, round, worker, LENGTH));
    });
    for (const after of [WORKERS / 2, 2 * WORKERS]) {
      await printed(`received ${after} `);
      child.kill('SIGSTOP');
      // stopped, it answers nothing: what was granted is sent, and no more
      await until(async () => {
        const before = bytesSent();
        await Promise.all(links.map(({ bulk }) => bulk.flush()));
        await Promise.all(links.map(({ bulk }) => bulk.flush()));
        return bytesSent() === before;
      });
      const { connections } = (await monitored('connz')) as { connections: { name: string; pending_bytes: number }[] };
      const pending = connections.find(({ name }) => name === 'gathering coordinator (results)')!.pending_bytes;
      // the server counts what it writes in one go until all of it is written: what was granted before may be among it
      assert.ok(pending <= 2 * GRANT_LIMIT + WORKERS * 1000, `${pending} bytes wait for the coordinator`);
      child.kill('SIGCONT');
    }
    const { slow_consumers } = (await monitored('varz')) as { slow_consumers: number };
    assert.equal(slow_consumers, 0);
    const { code, stdout, stderr } = await ended;
    assert.deepEqual([code, stderr], [0, '']);
    const granted = [...stdout.matchAll(/granted (\d+)/g)].map((match) => Number(match[1]));
    assert.equal(granted.length, WORKERS * RESULTS);
    assert.ok(Math.max(...granted) <= GRANT_LIMIT, `${Math.max(...granted)} bytes were granted`);
    assert.ok(Math.max(...granted) > GRANT_LIMIT / 4, 'the bound must be met for the test to tell anything');

    async function monitored(page: string): Promise<unknown> {
      return (await fetch(`http://${monitor}/${page}`)).json();
    }

    function bytesSent(): number {
      return links.reduce((sum, link) => sum + link.traffic().sentBytes, 0);
    }
  });
});
