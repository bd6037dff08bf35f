/** Metrics shared by both roles. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { VERSION } from '../../shared/config.js';

/** Gauges that prom-client names like counters; `nodejs_active_resources` gives the same by type. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Histogram buckets for rounds: from a millisecond for a few quadratics to minutes for a large network. */
export const ROUND_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150, 300];

/** A new registry with the metrics of the process: `process_…` and `nodejs_…`. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}

/** `lopt_build_info`, whose value is 1; the engine is set once it is known. */
export class BuildInfo {
  readonly #gauge: Gauge<'version' | 'engine' | 'node'>;

  constructor(registry: Registry) {
    this.#gauge = new Gauge({
      name: 'lopt_build_info',
      help: 'Always 1; the labels say what runs here. The engine is "none" until a run is known.',
      labelNames: ['version', 'engine', 'node'],
      registers: [registry],
    });
    this.engine = 'none';
  }

  set engine(engine: string) {
    this.#gauge.reset();
    this.#gauge.set({ version: VERSION, engine, node: process.version }, 1);
  }
}

/** Totals of a bus since its start. */
export interface BusFigures {
  receivedBytes: number;
  sentBytes: number;
  receivedMessages: number;
  sentMessages: number;
  /** Invalid messages. */
  droppedMessages: number;
}

/** Adds the metrics of a bus, read at every scrape. */
export function watchBus(registry: Registry, read: () => BusFigures): void {
  const carried = (name: string, what: string, figures: () => { received: number; sent: number }) =>
    new Counter({
      name,
      help: `${what} over the bus, by direction.`,
      labelNames: ['direction'],
      registers: [registry],
      collect() {
        const { received, sent } = figures();
        this.reset();
        this.inc({ direction: 'received' }, received);
        this.inc({ direction: 'sent' }, sent);
      },
    });
  carried('lopt_bus_bytes_total', 'Bytes', () => ({ received: read().receivedBytes, sent: read().sentBytes }));
  carried('lopt_bus_messages_total', 'Messages', () => ({
    received: read().receivedMessages,
    sent: read().sentMessages,
  }));
  new Counter({
    name: 'lopt_bus_dropped_messages_total',
    help: 'Received messages that were invalid.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read().droppedMessages);
    },
  });
}
