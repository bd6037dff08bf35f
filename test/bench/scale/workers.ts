/** A process of simulated workers: `workers.js TASK`. The protocol, the bus and the Worker are the real ones. */
import { NatsBus } from '../../../shared/bus/nats-bus.js';
import { JetStreamHistory } from '../../../shared/journal/jetstream-history.js';
import { JetStream } from '../../../shared/nats/jetstream.js';
import { NatsLink } from '../../../shared/nats/link.js';
import { runSubjects } from '../../../shared/subjects.js';
import { Worker } from '../../../worker/worker.js';
import { complaints, configOf, type FromWorkers, type WorkersTask } from './scenario.js';
import { SimulatedPool } from './simulated-pool.js';
import { withSingleShards } from './single-shards.js';

const { url, scenario, first, end } = JSON.parse(process.argv[2]!) as WorkersTask;
const subjects = runSubjects(scenario.name);
const config = await configOf(scenario);
const slowest = new Map<number, number>();

async function startWorker(number: number): Promise<void> {
  const id = `simulated-${number}`;
  const link = await NatsLink.connect({ nats: { url }, name: id, logger: complaints });
  const jetStream = await JetStream.open(link, { logger: complaints });
  const bus = new NatsBus({ link, subjects, logger: complaints, config });
  const worker = new Worker({
    id,
    bus: scenario.preAdded ? bus : withSingleShards(bus, scenario.shards, scenario.shards / scenario.workers),
    pool: new SimulatedPool(scenario, (round, ms) => slowest.set(round, Math.max(ms, slowest.get(round) ?? 0))),
    history: new JetStreamHistory({ jetStream, subjects }),
    logger: complaints,
    onFailed: (error) => {
      throw error;
    },
  });
  await link.control.flush();
  leave.push(async () => {
    worker.abandon();
    await bus.close();
    await link.close();
  });
}

function tell(message: FromWorkers): void {
  process.send!(message);
}

const leave: (() => Promise<void>)[] = [];
for (let number = first; number < end; number++) await startWorker(number);
process.once('message', async () => {
  tell({ slowest: [...slowest] });
  await Promise.all(leave.map((close) => close()));
  process.disconnect();
});
process.once('disconnect', () => process.exit());
tell({ ready: true });
