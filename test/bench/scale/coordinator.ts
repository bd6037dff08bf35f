/** The coordinator's process of a scenario: `coordinator.js TASK`. Its processor time is its own. */
import { createHash } from 'node:crypto';
import { Checkpoints } from '../../../coordinator/checkpoint.js';
import { Coordinator } from '../../../coordinator/coordinator.js';
import type { RoundMeasures } from '../../../coordinator/observer.js';
import { NatsBus } from '../../../shared/bus/nats-bus.js';
import { digestOf, initialPhiOf } from '../../../shared/config.js';
import { JetStreamJournal } from '../../../shared/journal/jetstream-journal.js';
import type { JournalRecord } from '../../../shared/journal/journal.js';
import { JetStream } from '../../../shared/nats/jetstream.js';
import { NatsLink } from '../../../shared/nats/link.js';
import { ObjectBlobs } from '../../../shared/nats/object-blobs.js';
import { runSubjects } from '../../../shared/subjects.js';
import { startProfile } from './profile.js';
import {
  type CoordinatorFigures,
  type CoordinatorTask,
  complaints,
  configOf,
  type FromCoordinator,
  WARM_ROUNDS,
} from './scenario.js';

/** Rounds between two looks at the memory. */
const MEMORY_EVERY = 25;
/** What the journal keeps for a server's power failure grows to a bound, which is to be met while the memory is watched. */
const KEPT_BYTES = 4 * 2 ** 20;

const { url, scenario } = JSON.parse(process.argv[2]!) as CoordinatorTask;
const config = await configOf(scenario);
const subjects = runSubjects(scenario.name);
const digest = digestOf(config);
const link = await NatsLink.connect({ nats: { url }, name: 'lopt coordinator', logger: complaints });
const jetStream = await JetStream.open(link, { logger: complaints });
const bus = new NatsBus({ link, subjects, logger: complaints, config });
const journal = await JetStreamJournal.open({ jetStream, subjects, digest, logger: complaints, keptBytes: KEPT_BYTES });
const stop = new AbortController();

/** The first measured round; unknown until every worker has come. */
let first = Number.POSITIVE_INFINITY;
/** What was used before the measured rounds, and is not to count: the rounds before, and the forced collections. */
let before = { cpuMs: 0, ...link.traffic() };
let roundStartedAt = 0;
let profile: Promise<() => Promise<CoordinatorFigures['parts']>> | undefined;
const memory: CoordinatorFigures['memory'] = [];
const roundMs: number[] = [];
const phis: CoordinatorFigures['phis'] = {};
let used: Pick<CoordinatorFigures, 'cpuMs' | 'receivedBytes' | 'sentBytes' | 'receivedMessages'> | undefined;

function tell(message: FromCoordinator): void {
  process.send!(message);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function onRound({ round, phi }: JournalRecord, { workers, replayed }: RoundMeasures): void {
  const now = performance.now();
  phis[round] = createHash('sha256').update(phi).digest('hex');
  // shares move at the start of an episode
  if (first === Number.POSITIVE_INFINITY && workers === scenario.workers) first = round + WARM_ROUNDS;
  if (round + 1 < first) return;
  if (replayed > 0) complaints.warn(`Round ${round} replayed ${replayed} windows: the figures are disturbed`);
  const measured = round + 1 - first;
  if (measured > 0 && measured <= scenario.rounds) roundMs.push(now - roundStartedAt);
  if (measured === 0) {
    tell({ measuring: round });
    before = { cpuMs: cpuMs(), ...link.traffic() };
  }
  if (measured <= scenario.rounds && measured % MEMORY_EVERY === 0) look(round);
  if (measured === scenario.rounds) {
    const traffic = link.traffic();
    used = {
      cpuMs: cpuMs() - before.cpuMs,
      receivedBytes: traffic.receivedBytes - before.receivedBytes,
      sentBytes: traffic.sentBytes - before.sentBytes,
      receivedMessages: traffic.receivedMessages - before.receivedMessages,
    };
    tell({ measured: round });
    profile = startProfile();
  }
  if (measured === scenario.rounds + scenario.profiled) stop.abort();
  roundStartedAt = performance.now();
}

/** Looks at the memory. The collection that it needs does not count. */
function look(round: number): void {
  const cpu = cpuMs();
  globalThis.gc!();
  before.cpuMs += cpuMs() - cpu;
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  memory.push({ round, rss, heap: heapUsed, buffers: arrayBuffers });
}

// a measurement that was cut off leaves no process behind
const orphaned = () => process.exit(1);
process.once('disconnect', orphaned);
await new Coordinator({
  run: scenario.name,
  config,
  digest,
  bus,
  journal,
  checkpoints: new Checkpoints(new ObjectBlobs({ jetStream, bucket: subjects.checkpoints, folder: '0' })),
  phi: initialPhiOf(config),
  goal: { rounds: 2 ** 30 },
  logger: complaints,
  observer: { round: onRound },
  signal: stop.signal,
  // every worker lives, on however slow a machine
  patience: { deadlines: { least: 120, first: 120 }, silence: 120 },
}).run();
const parts = await (await profile!)();
await bus.close();
tell({ figures: { ...used!, firstRound: first, roundMs, parts, memory, phis } });
await link.close();
process.off('disconnect', orphaned);
process.disconnect();
