import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ClusterError } from '../../shared/errors.js';
import { JetStream, type JetStreamOptions } from '../../shared/nats/jetstream.js';
import { Lines } from '../fixtures/lines.js';
import { connectTo, startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { until } from '../fixtures/until.js';

/** What a server says of its account; enough for the client. */
const ACCOUNT = JSON.stringify({ type: 'io.nats.jetstream.api.v1.account_info_response', memory: 0, storage: 0 });

/** JetStream of a server that takes connections and says of its account, but answers nothing else of its store. */
async function lockedUp(test: TestContext, options: Partial<JetStreamOptions>): Promise<JetStream> {
  const server = await startServer(test, { jetStream: false });
  const { control } = await connectTo(test, server);
  control.subscribe('$JS.API.>', ({ subject, answer }) => {
    if (subject === '$JS.API.INFO') answer(Buffer.from(ACCOUNT));
  });
  await control.flush();
  return JetStream.open(await connectTo(test, server), { logger: new Lines(), answerMs: 100, ...options });
}

describe('JetStream of a server that is locked up', { skip: WITHOUT_NATS }, () => {
  const ask = (jetStream: JetStream) =>
    jetStream.demand('Cannot test', ({ manager }) => manager.streams.info('a-stream'));
  const isTold = (error: unknown) =>
    error instanceof ClusterError &&
    /^Cannot test: NATS at nats:.* has not answered for \d+ s \(TIMEOUT\); look at its log, and whether the disk of its store is full$/.test(
      error.message,
    );

  it('gives a request up after as much silence as it may take, and asks for nothing more', async (test) => {
    const jetStream = await lockedUp(test, { silenceMs: 300 });
    assert.equal(jetStream.hasGivenUp, false);
    await assert.rejects(ask(jetStream), isTold);
    assert.equal(jetStream.hasGivenUp, true);
    const asked = jetStream.link.control.connection.stats().outMsgs;
    await assert.rejects(ask(jetStream), ClusterError);
    assert.equal(jetStream.link.control.connection.stats().outMsgs, asked);
  });

  it('goes on asking until it is told to stop, and then not for long', async (test) => {
    const stop = new AbortController();
    const jetStream = await lockedUp(test, { signal: stop.signal });
    const { control } = jetStream.link;
    const before = control.connection.stats().outMsgs;
    let isOver = false;
    const asking = assert.rejects(ask(jetStream), isTold).finally(() => {
      isOver = true;
    });
    // a few tries
    await until(() => isOver || control.connection.stats().outMsgs >= before + 3);
    assert.equal(isOver, false);
    stop.abort();
    await asking;
  });
});
