import { after } from 'node:test';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import { silentLogger } from '../../shared/logger.js';
import { runSubjects } from '../../shared/subjects.js';
import { testJournal } from '../contracts/journal.js';
import { jetStreamOf, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());
let runs = 0;
const DIGEST = 'd'.repeat(64);

testJournal({
  name: 'JetStream',
  skip: WITHOUT_NATS,
  create: async (test) => {
    runs += 1;
    const subjects = runSubjects(`contract-${runs}`);
    const jetStream = await jetStreamOf(test, server!);
    return () => JetStreamJournal.open({ jetStream, subjects, digest: DIGEST, logger: silentLogger });
  },
});
