import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { nextRun, onAnnouncement } from '../../shared/bus/announcements.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import type { AnnounceMessage } from '../../shared/messages.js';
import { runSubjects } from '../../shared/subjects.js';
import { Lines } from '../fixtures/lines.js';
import { announcementOf } from '../fixtures/messages.js';
import { connectTo, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

describe('onAnnouncement() and nextRun()', { skip: WITHOUT_NATS }, () => {
  it('hear of every run under the prefix, and of nothing else', async (test) => {
    const logger = new Lines();
    const [link, other] = [await connectTo(test, server!), await connectTo(test, server!)];
    const heard: AnnounceMessage[] = [];
    const end = onAnnouncement({ link, prefix: 'here', logger }, (message) => heard.push(message));
    const first = nextRun({ link, prefix: 'here', logger });
    const wanted = nextRun({ link, prefix: 'here', logger }, { accept: ({ run }) => run === 'b' });
    await link.control.flush();
    const announce = async (run: string, prefix: string, as = run) => {
      const bus = new NatsBus({ link: other, subjects: runSubjects(run, prefix), logger, drainMs: 0 });
      const announced = announcementOf(as);
      bus.toAllWorkers(announced);
      bus.toAllWorkers({ type: 'finished' });
      await bus.flush();
      await link.control.flush();
      return bus.signed(announced);
    };
    await announce('a', 'elsewhere');
    const a = await announce('a', 'here');
    assert.deepEqual(await first, a);
    const b = await announce('b', 'here');
    assert.deepEqual(await wanted, b);
    assert.deepEqual(heard, [a, b]);
    await announce('c', 'here', 'a');
    other.control.publish(runSubjects('c', 'here').announcement, Buffer.from('noise'));
    await other.control.flush();
    await link.control.flush();
    assert.equal(heard.length, 2);
    assert.deepEqual(logger.lines, ['A message on here.down.c.announce is dropped: it announces run a']);
    end();
    await announce('d', 'here');
    assert.equal(heard.length, 2);
  });

  it('nextRun() ends with the signal', async (test) => {
    const link = await connectTo(test, server!);
    const logger = new Lines();
    const stop = new AbortController();
    const waiting = nextRun({ link, logger }, { signal: stop.signal });
    stop.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
    await assert.rejects(nextRun({ link, logger }, { signal: stop.signal }), { name: 'AbortError' });
  });
});
