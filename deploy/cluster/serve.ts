/** A worker process: serves announced runs, one after another, and all members of the one that it serves. */
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
  /** Serves this run alone; by default whichever is announced. */
  run?: string;
  /** Seconds for which the first connection is tried again. */
  waitSeconds: number;
  /** Ends the worker when it has sent what it computes. */
  signal: AbortSignal;
  onConnected?: (traffic: () => BusFigures) => void;
}

/** Without an announcement for so long, a run is over, or its coordinator gone: another one is welcome. */
const FORGOTTEN_MS = 10_000;
const LOOK_MS = 1000;

/** Serves until the signal. Throws where the one run that it is to serve refuses it, or fails here. */
export async function serveRuns(options: ServeOptions): Promise<void> {
  const { nats, id, prefix, logger, waitSeconds, signal } = options;
  const link = await NatsLink.connect({ nats, name: `lopt worker ${id}`, logger, waitSeconds, signal });
  try {
    const jetStream = await JetStream.open(link, { logger });
    let served: ServedRun | undefined;
    options.onConnected?.(() => ({ ...link.traffic(), droppedMessages: served?.dropped ?? 0 }));
    /** Configurations, by digest, that this worker cannot serve. */
    const hopeless = new Set<string>();
    while (!signal.aborted) {
      const accept = ({ run, digest }: AnnounceMessage) =>
        (options.run === undefined || run === options.run) && !hopeless.has(digest);
      const announced = await nextRun({ link, prefix, logger }, { accept, signal });
      served = new ServedRun({ ...options, link, jetStream }, announced, accept);
      try {
        await served.over(signal);
      } catch (error) {
        if (options.run !== undefined) throw error;
        logger.error(`${(error as Error).message}; run ${announced.run} is left to others`);
        hopeless.add(served.failed ?? announced.digest);
      }
    }
  } catch (error) {
    // told to end while it had no run
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
   * Resolves when the signal came, or the run is silent and another one is not; what was computed is sent then. Throws
   * where a member cannot be served.
   */
  async over(signal: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve, reject) => {
      this.#leave = resolve;
      this.#fail = reject;
    });
    const { link, prefix, logger } = this.#service;
    const end = onAnnouncement({ link, prefix, logger }, (announced) => this.#hear(announced));
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
    // the same subjects: a run of this name that was begun anew, with other options
    for (const other of this.#members.values()) if (other.member === config.member) this.#end(other);
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
