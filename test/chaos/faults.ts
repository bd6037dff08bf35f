/** What each fault does to a run. Every one undoes itself: a run that no longer needs to wait can go on. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../e2e/harness.js';
import { copyStore, restoreStore, tearJournal } from './power.js';
import type { Fault, FaultKind } from './schedule.js';
import { RUN, type Stage } from './stage.js';

type Doing = (stage: Stage, fault: Fault) => Promise<void>;

/** Rounds that a power failure takes. */
const LOST_ROUNDS = 12;
/** A record of these runs has some 4 KB: a tear takes one, and half of another. Two checkpoints back is far enough for it. */
const TORN_BYTES = 6000;

/** What a connection with jitter holds back at most. */
const MOST_DELAY_MS = 150;

const leaderOf = (stage: Stage) => stage.coordinators[stage.leader]!;
const workerOf = (stage: Stage, { pick }: Fault) => stage.present[pick % Math.max(1, stage.present.length)];
const proxiesOf = {
  worker: (stage: Stage, fault: Fault) => [workerOf(stage, fault)?.proxy].filter((proxy) => proxy !== undefined),
  coordinator: (stage: Stage) => [leaderOf(stage).proxy],
  all: (stage: Stage) => stage.roles.map(({ proxy }) => proxy),
} as const;

/** A partition: connections are cut, or nothing passes over them and nobody is told. */
function part(how: 'cut' | 'hold', whom: keyof typeof proxiesOf): Doing {
  return async (stage, fault) => {
    const proxies = proxiesOf[whom](stage, fault);
    for (const proxy of proxies) proxy[how]();
    await pause(fault.ms);
    for (const proxy of proxies) proxy.mend();
  };
}

/** What happens to the server happens alone. */
function alone(doing: Doing): Doing {
  return (stage, fault) => stage.withServer(() => doing(stage, fault));
}

/** Takes the last rounds from the server's store, and its process; `meanwhile` it is away. */
async function losePower(stage: Stage, { ms }: Fault, meanwhile: () => Promise<void>): Promise<void> {
  const { server } = stage;
  const copy = join(stage.folder, 'store');
  copyStore(server, copy);
  const lost = Math.min(stage.round + LOST_ROUNDS, stage.schedule.rounds);
  await stage.until(() => stage.round >= lost);
  await server.kill();
  restoreStore(server, copy);
  await meanwhile();
  await pause(ms);
  await server.start();
}

/** Waits until the other coordinator has brought the run forward. */
async function succeed(stage: Stage): Promise<void> {
  const { round } = stage;
  stage.leader = 1 - stage.leader;
  await stage.until(() => stage.round > round);
}

const DOING: Readonly<Record<FaultKind, Doing>> = {
  async 'kill-worker'(stage, fault) {
    const worker = workerOf(stage, fault);
    await worker?.actor.kill();
    await pause(fault.ms);
    worker?.actor.start();
  },
  async 'stop-worker'(stage, fault) {
    const worker = workerOf(stage, fault);
    worker?.actor.signal('SIGSTOP');
    await pause(fault.ms);
    worker?.actor.signal('SIGCONT');
  },
  'add-worker': (stage) => stage.addWorker(),
  async 'drain-worker'(stage, fault) {
    const worker = workerOf(stage, fault);
    if (stage.present.length < 2) await stage.addWorker();
    if (worker) await stage.drain(worker);
  },
  async 'kill-coordinator'(stage) {
    await leaderOf(stage).actor.kill();
  },
  async 'stop-coordinator'(stage, { ms }) {
    const { actor } = leaderOf(stage);
    actor.signal('SIGSTOP');
    await pause(ms);
    actor.signal('SIGCONT');
  },
  'kill-server': alone(async ({ server }, { ms }) => {
    await server.kill();
    await pause(ms);
    await server.start();
  }),
  'stop-server': alone(async ({ server }, { ms }) => {
    server.signal('SIGSTOP');
    await pause(ms);
    server.signal('SIGCONT');
  }),
  'cut-worker': part('cut', 'worker'),
  'hold-worker': part('hold', 'worker'),
  'cut-coordinator': part('cut', 'coordinator'),
  'hold-coordinator': part('hold', 'coordinator'),
  'cut-all': part('cut', 'all'),
  'hold-all': part('hold', 'all'),
  'lose-power': alone((stage, fault) => losePower(stage, fault, async () => {})),
  'lose-power-everywhere': alone((stage, fault) => losePower(stage, fault, () => leaderOf(stage).actor.kill())),
  'tear-journal': alone(async (stage, { ms }) => {
    const { server } = stage;
    await Promise.all([server.kill(), leaderOf(stage).actor.kill()]);
    tearJournal(server, RUN, TORN_BYTES);
    await pause(ms);
    await server.start();
  }),
  'wipe-store': alone(async (stage, { ms }) => {
    const { server } = stage;
    await Promise.all([server.kill(), leaderOf(stage).actor.kill()]);
    rmSync(server.store, { recursive: true });
    await pause(ms);
    await server.start();
  }),
  async 'delay-all'(stage, { ms, pick }) {
    const proxies = proxiesOf.all(stage);
    for (const proxy of proxies) proxy.delay(MOST_DELAY_MS, seededRandom(pick));
    await pause(ms);
    for (const proxy of proxies) proxy.delay(0);
  },
  async 'kill-leader'(stage) {
    const leader = leaderOf(stage);
    leader.state = 'lost';
    await leader.actor.kill();
    await succeed(stage);
  },
  async 'pause-leader'(stage) {
    const { actor } = leaderOf(stage);
    actor.signal('SIGSTOP');
    await succeed(stage);
    actor.signal('SIGCONT');
  },
};

/** Does a fault, and undoes it. */
export function perform(stage: Stage, fault: Fault): Promise<void> {
  return DOING[fault.kind](stage, fault);
}
