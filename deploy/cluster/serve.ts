/** A worker process: serves announced runs one after another, each with all of its members. */
import { nextRun, onAnnouncement } from '../../shared/bus/announcements.js';
import type { AnnounceMessage } from '../../shared/messages.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { NatsLink } from '../../shared/nats/link.js';
import type { NatsOptions } from '../../shared/nats/options.js';
import type { BusFigures } from '../operations/registry.js';
import { MembersObserver } from './members-observer.js';
import { ServedMember, type ServiceOptions } from './served-member.js';

export interface ServeOptions extends Omit<ServiceOptions, 'link' | 'jetStream'> {
  nats: NatsOptions;
  /** The only run to serve; by default any that is announced. */
  run?: string;
  /** Seconds to keep trying the first connection. */
  waitSeconds: number;
  /** Ends the worker once it has sent what it is computing. */
  signal: AbortSignal;
  onConnected?: (traffic: () => BusFigures) => void;
}

/** After this long without an announcement, a run is over or its coordinator gone: the worker may serve another. */
const FORGOTTEN_MS = 10_000;
const LOOK_MS = 1000;

/** Serves until the signal. Throws if the only run that it may serve refuses it, or fails here. */
export async function serveRuns(options: ServeOptions): Promise<void> {
  const { nats, id, prefix, logger, trusted, waitSeconds, signal } = options;
  const link = await NatsLink.connect({ nats, name: `lopt worker ${id}`, logger, waitSeconds, signal });
  try {
    const jetStream = await JetStream.open(link, { logger, signal });
    let served: ServedRun | undefined;
    options.onConnected?.(() => ({ ...link.traffic(), droppedMessages: served?.dropped ?? 0 }));
    /** Configurations, by digest, that this worker cannot serve. */
    const unservable = new Set<string>();
    while (!signal.aborted) {
      const accept = ({ run, digest }: AnnounceMessage) =>
        (options.run === undefined || run === options.run) && !unservable.has(digest);
      const announced = await nextRun({ link, prefix, logger, trusted }, { accept, signal });
      served = new ServedRun({ ...options, link, jetStream }, announced, accept);
      try {
        await served.over(signal);
      } catch (error) {
        if (options.run !== undefined) throw error;
        logger.error(`${(error as Error).message}; leaving run ${announced.run} to others`);
        unservable.add(served.failed ?? announced.digest);
      }
    }
  } catch (error) {
    // aborted while it had no run
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    await link.close();
  }
}

/** A run that is being served. */
class ServedRun {
  readonly #run: string;
  readonly #service: ServiceOptions;
  readonly #accept: (announced: AnnounceMessage) => boolean;
  readonly #observers: MembersObserver | undefined;
  readonly #members = new Map<string, ServedMember>();
  readonly #closing = new Set<Promise<void>>();
  #heardAt = performance.now();
  #leave: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  /** The digest of the member that could not be served. */
  failed: string | undefined;

  constructor(service: ServiceOptions, first: AnnounceMessage, accept: (announced: AnnounceMessage) => boolean) {
    this.#run = first.run;
    this.#service = service;
    this.#accept = accept;
    this.#observers = service.observer && new MembersObserver(service.observer);
    service.logger.info(`Working for run ${first.run}`, { run: first.run, worker: service.id });
    this.#begin(first);
  }

  get dropped(): number {
    return [...this.#members.values()].reduce((sum, { dropped }) => sum + dropped, 0);
  }

  /**
   * Resolves on the signal, or when the run is silent and another one is announced, after sending what was computed.
   * Throws if a member cannot be served.
   */
  async over(signal: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve, reject) => {
      this.#leave = resolve;
      this.#fail = reject;
    });
    const { link, prefix, logger, trusted } = this.#service;
    const end = onAnnouncement({ link, prefix, logger, trusted }, (announced) => this.#hear(announced));
    const looking = setInterval(() => this.#look(), LOOK_MS);
    signal.addEventListener('abort', this.#leave, { once: true });
    try {
      if (!signal.aborted) await over;
      await Promise.all([...this.#members.values()].map((member) => member.drain()));
    } finally {
      signal.removeEventListener('abort', this.#leave);
      clearInterval(looking);
      end();
      for (const member of this.#members.values()) this.#end(member);
      await Promise.all(this.#closing);
    }
  }

  #hear(announced: AnnounceMessage): void {
    if (announced.run !== this.#run) {
      if (this.#members.size === 0 || performance.now() - this.#heardAt > FORGOTTEN_MS) this.#leave();
      return;
    }
    this.#heardAt = performance.now();
    const member = this.#members.get(announced.digest);
    if (member) member.heard();
    else if (this.#accept(announced)) this.#begin(announced);
  }

  #begin(announced: AnnounceMessage): void {
    const { digest, config } = announced;
    // they have the same subjects: the run was begun anew under its name, with other options
    const others = [...this.#members.values()].filter(({ member }) => member === config.member);
    // or somebody only says so
    if (others.some(({ isLed }) => isLed)) return;
    for (const other of others) this.#end(other);
    const observer = this.#observers?.of(config.member);
    const service = observer ? { ...this.#service, observer } : this.#service;
    const member = new ServedMember(service, announced, (error) => {
      this.failed = digest;
      this.#fail(error);
    });
    this.#members.set(digest, member);
  }

  #look(): void {
    for (const member of this.#members.values()) if (member.isOver) this.#end(member);
  }

  #end(member: ServedMember): void {
    this.#members.delete(member.digest);
    const closing = member.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
