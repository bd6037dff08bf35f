import { after } from 'node:test';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { silentLogger } from '../../shared/logger.js';
import { runSubjects } from '../../shared/subjects.js';
import { testBus } from '../contracts/bus.js';
import { connectTo, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());
let runs = 0;

testBus({
  name: 'NATS',
  skip: WITHOUT_NATS,
  create: async (test) => {
    runs += 1;
    const subjects = runSubjects(`contract-${runs}`);
    const [coordinator, workers] = await Promise.all(
      ['coordinator', 'workers'].map(
        async () => new NatsBus({ link: await connectTo(test, server!), subjects, logger: silentLogger, drainMs: 0 }),
      ),
    );
    return {
      coordinator: coordinator!,
      workers: workers!,
      // what one side has flushed lies before the answer to the other side's next flush
      settle: async () => {
        for (const side of [coordinator!, workers!, coordinator!, workers!]) await side.flush();
      },
    };
  },
});
