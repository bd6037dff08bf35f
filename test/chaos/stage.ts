/** All that a chaos run consists of: a nats-server, coordinators and workers as processes, each behind a proxy of its own. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CLI, SMALL_FLAGS, wordsOf } from '../e2e/harness.js';
import { TestServer } from '../fixtures/nats-server.js';
import { TcpProxy } from '../fixtures/tcp-proxy.js';
import { Actor, type End } from './actor.js';
import { type Schedule, TRAITORS, type TraitorHabit } from './schedule.js';
import type { Treachery } from './treacherous-role.js';

export const RUN = 'chaos';
const TRAITOR = fileURLToPath(new URL('./traitor-role.js', import.meta.url));
/** What a process that saved after SIGTERM ends with. */
const INTERRUPTED = 130;
const ROLE = fileURLToPath(new URL('./treacherous-role.js', import.meta.url));
/** A coordinator that was killed is started again so soon. */
const AGAIN_MS = 300;
/** A process that is asked to end has so long: a drain waits for a server that may be away. */
const END_MS = 20_000;
const LOOK_MS = 10;
/** How a coordinator says that it is not the leader any more. */
const TAKEN_OVER = /another coordinator has taken over|holds the lease of the run now/;

/** Flags of the run but for its shards. */
export const CHAOS_FLAGS = { ...SMALL_FLAGS, 'evaluate-every': 20 } as const;

/** What a process is told, start by start. */
interface Part {
  name: string;
  words: (start: number) => readonly string[];
  treachery: (start: number) => Treachery | undefined;
  onEnd: (end: End) => void;
}

/** A process, and its way to the server. */
interface Role {
  actor: Actor;
  proxy: TcpProxy;
}

/** One that leads the run or stands by. */
export interface Coordinator extends Role {
  folder: string;
  /** `lost`: killed for good; `deposed`: another one has taken over, as it says itself. */
  state: 'running' | 'done' | 'lost' | 'deposed';
}

export class Stage {
  readonly schedule: Schedule;
  readonly folder: string;
  readonly server: TestServer;
  readonly workers: Role[] = [];
  readonly coordinators: Coordinator[] = [];
  /** The one that leads, or would. */
  leader = 0;
  /** Aborted where a process ends as it must not. */
  readonly failed: AbortSignal;
  readonly #failure = new AbortController();
  readonly #endings: (() => void)[] = [];
  readonly #actors: Actor[] = [];
  #serverIsFree: Promise<void> = Promise.resolve();
  #workersStarted = 0;
  #closing = false;

  private constructor(schedule: Schedule, folder: string, server: TestServer) {
    this.schedule = schedule;
    this.folder = folder;
    this.server = server;
    this.failed = this.#failure.signal;
  }

  /** Starts all; the workers are connected before the run begins. */
  static async open(schedule: Schedule, folder: string): Promise<Stage> {
    const stage = new Stage(schedule, folder, await TestServer.start());
    try {
      for (let i = 0; i < schedule.workers; i++) await stage.addWorker();
      // two connections each
      await stage.until(() => stage.workers.every(({ proxy }) => proxy.connections === 2));
      for (const habit of TRAITORS.filter((each) => schedule.habits.includes(each))) stage.#addTraitor(habit);
      await stage.#addCoordinator('a');
      if (schedule.standby) {
        await stage.until(() => stage.round > 0);
        await stage.#addCoordinator('b');
      }
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  /** The newest round that stands in a coordinator's metrics; 0 before. */
  get round(): number {
    return Math.max(...this.coordinators.map(({ folder }) => lastRow(folder)?.round ?? 0));
  }

  /** The workers that are there, and are not ending. */
  get present(): Role[] {
    return this.workers.filter(({ actor }) => actor.alive);
  }

  /** Whether the run has come to its end. */
  get done(): boolean {
    return this.coordinators.some(({ state }) => state === 'done');
  }

  get roles(): Role[] {
    return [...this.coordinators, ...this.workers];
  }

  async addWorker(): Promise<void> {
    const name = `w${this.#workersStarted++}`;
    const proxy = await this.#proxy();
    const words = ['worker', '--run', RUN, '--name', name, '--threads', '1', '--nats', proxy.url];
    const { seed, habits } = this.schedule;
    const actor = this.#act({
      name,
      words: () => words,
      treachery: () => (habits.includes('disturbed-results') ? { seed, habits } : undefined),
      onEnd: (end) => {
        const isTold = end.signal === 'SIGKILL' || !this.workers.includes(worker);
        if (!isTold) this.fail(`worker ${name} ended with ${show(end)}`);
      },
    });
    const worker = { actor, proxy };
    this.workers.push(worker);
  }

  /** Ends a worker in order. */
  async drain(worker: Role): Promise<void> {
    this.workers.splice(this.workers.indexOf(worker), 1);
    const end = await worker.actor.end(END_MS);
    if (end.code !== 0) this.fail(`${worker.actor.name} was told to end, and ended with ${show(end)}`);
  }

  /** Waits until the condition holds, or the run fails. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) {
      this.failed.throwIfAborted();
      await pause(LOOK_MS);
    }
  }

  fail(sentence: string): void {
    this.#failure.abort(new Error(sentence));
  }

  /** Does to the server what nothing else may be done to meanwhile. */
  async withServer(work: (server: TestServer) => Promise<void>): Promise<void> {
    const before = this.#serverIsFree;
    let free = () => {};
    this.#serverIsFree = new Promise((resolve) => {
      free = resolve;
    });
    try {
      await before;
      this.failed.throwIfAborted();
      await work(this.server);
    } finally {
      free();
    }
  }

  /** Waits for the end of all coordinators, then ends the workers; each must end as it should. */
  async finish(): Promise<void> {
    await this.until(() => this.done && this.coordinators.every(({ state }) => state !== 'running'));
    await Promise.all(this.present.map((worker) => this.drain(worker)));
    this.failed.throwIfAborted();
  }

  /** Ends whatever is left; idempotent. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#actors.map((actor) => actor.close()));
    for (const end of this.#endings.splice(0)) end();
    await this.server.remove();
  }

  /** A liar needs no proxy, and nobody waits for its end. */
  #addTraitor(habit: TraitorHabit): void {
    const args = [TRAITOR, this.server.url, RUN, habit];
    this.#actors.push(new Actor({ name: habit, args: () => args, log: join(this.folder, `${habit}.log`) }));
  }

  async #addCoordinator(name: string): Promise<void> {
    const folder = join(this.folder, name);
    const proxy = await this.#proxy();
    const { shards, rounds, seed, habits, deaths } = this.schedule;
    const flags = ['quadratic', ...wordsOf({ ...CHAOS_FLAGS, shards, rounds })];
    const where = ['--run', RUN, '--name', name, '--out', folder, '--nats', proxy.url, '--checkpoint-seconds', '0.5'];
    // who joins and lies is found out if all that it sends is computed twice
    const checked = habits.includes('liar') ? ['--double-check', '1'] : [];
    const standby = name === 'a' ? [] : ['--standby'];
    const actor = this.#act({
      name,
      words: (start) => ['coordinator', ...(start === 0 ? flags : ['--resume']), ...where, ...checked, ...standby],
      treachery: (start) => {
        const death = deaths[start];
        if (death) return { seed, habits, death };
        return habits.includes('lost-acknowledgements') ? { seed, habits } : undefined;
      },
      onEnd: (end) => this.#coordinatorEnded(name, end),
    });
    this.coordinators.push({ actor, proxy, folder, state: 'running' });
  }

  #coordinatorEnded(name: string, end: End): void {
    const coordinator = this.coordinators.find(({ actor }) => actor.name === name)!;
    const { standby } = this.schedule;
    if (end.code === 0) coordinator.state = 'done';
    else if (standby && end.code === 1 && TAKEN_OVER.test(coordinator.actor.output)) coordinator.state = 'deposed';
    else if (end.signal !== 'SIGKILL' && !this.#wasTold(coordinator, end)) {
      this.fail(`coordinator ${name} ended with ${show(end)}`);
    } else if (coordinator.state !== 'lost') setTimeout(() => coordinator.actor.start(), AGAIN_MS);
  }

  /** Whether a coordinator ended as it should: after saving, as it was told to, or because it found out who lies. */
  #wasTold({ actor }: Coordinator, { code }: End): boolean {
    const { deaths, habits } = this.schedule;
    if (deaths[actor.starts - 1]?.signal === 'SIGTERM') return code === INTERRUPTED;
    return habits.includes('liar') && code === 1 && /workers? .*liar.* sent other (bits|scores)/i.test(actor.output);
  }

  #act({ name, words, treachery, onEnd }: Part): Actor {
    const actor = new Actor({
      name,
      args: (start) => [treachery(start) ? ROLE : CLI, ...words(start)],
      env: (start) => ({ LOPT_CHAOS: JSON.stringify(treachery(start)) }),
      log: join(this.folder, `${name}.log`),
      onEnd: (end) => {
        if (!this.#closing) onEnd(end);
      },
    });
    this.#actors.push(actor);
    return actor;
  }

  async #proxy(): Promise<TcpProxy> {
    return TcpProxy.start({ after: (work) => this.#endings.push(work) }, this.server.port);
  }
}

function show(end: End): string {
  return end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`;
}

/** The last round that stands whole in a run's metrics.jsonl, looking at its end alone. */
export function lastRow(folder: string): { round: number; workers: number | null } | undefined {
  const path = join(folder, 'metrics.jsonl');
  if (!existsSync(path)) return undefined;
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, 4096));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const [line] =
      bytes
        .toString('utf8')
        .match(/^\{"round":.*\}$/gm)
        ?.slice(-1) ?? [];
    return line === undefined ? undefined : (JSON.parse(line) as { round: number; workers: number | null });
  } finally {
    closeSync(file);
  }
}
