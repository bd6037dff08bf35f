/** The coordinator's end of a bus, in a process that can be stopped: `gathering-coordinator.js URL RUN RESULTS LENGTH`. */
import assert from 'node:assert/strict';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { silentLogger } from '../../shared/logger.js';
import { NatsLink } from '../../shared/nats/link.js';
import { runSubjects } from '../../shared/subjects.js';
import { announcementOf, resultOf } from '../fixtures/messages.js';

const [url, run, results, length] = process.argv.slice(2) as [string, string, string, string];
const link = await NatsLink.connect({ nats: { url }, name: 'gathering coordinator', logger: silentLogger });
const bus = new NatsBus({ link, subjects: runSubjects(run), logger: silentLogger });
const seen = new Set<string>();
await new Promise<void>((resolve) => {
  bus.onCoordinator((message) => {
    assert.equal(message.type, 'result');
    if (message.type !== 'result') return;
    const { worker, round, node } = message;
    assert.deepEqual(message, resultOf(worker, round, node.index, Number(length)));
    assert.ok(!seen.has(`${worker} ${round}`), 'a result must come once');
    seen.add(`${worker} ${round}`);
    console.log(`received ${seen.size} granted ${bus.granted}`);
    if (seen.size === Number(results)) resolve();
  });
  const announced = bus.signed(announcementOf(run));
  void bus.flush().then(() => console.log(`${JSON.stringify(announced)} ready`));
});
await bus.close();
await link.close();
