/** A JetStream key-value bucket of JSON values. */
import type { KV } from 'nats';
import { type Shape, ShapeError } from '../shape.js';
import { type JetStream, REFUSALS, type Refusal } from './jetstream.js';

/** A value, and the number of the write that stored it. */
export interface Versioned<Value> {
  value: Value;
  revision: number;
}

/** The outcome of a write: `refused` if another write came first, `silent` if the server did not answer. */
export type Written = { revision: number } | 'refused' | 'silent';

export class KeyValues {
  readonly jetStream: JetStream;
  readonly #bucket: string;
  readonly #kv: KV;

  private constructor(jetStream: JetStream, bucket: string, kv: KV) {
    this.jetStream = jetStream;
    this.#bucket = bucket;
    this.#kv = kv;
  }

  /** Opens the bucket; makes it if it is missing. */
  static async open(jetStream: JetStream, bucket: string, replicas = 1): Promise<KeyValues> {
    // read from the leader: other servers may be behind
    const options = { history: 1, replicas, allow_direct: false };
    const task = `Cannot open the bucket ${bucket}`;
    return new KeyValues(
      jetStream,
      bucket,
      await jetStream.demand(task, ({ client }) => client.views.kv(bucket, options)),
    );
  }

  /** The value of a key; undefined if there is none or it has another shape, `silent` if the server does not answer. */
  async get<Value>(key: string, shape: Shape<Value>): Promise<Versioned<Value> | undefined | 'silent'> {
    const outcome = await this.jetStream.attempt(() => this.#kv.get(key));
    if ('silence' in outcome) return 'silent';
    if ('refusal' in outcome) throw this.#refused(`Cannot read ${key}`, outcome.refusal);
    const entry = outcome.answer;
    if (entry?.operation !== 'PUT') return undefined;
    try {
      return { value: shape(JSON.parse(entry.string()), key), revision: entry.revision };
    } catch (error) {
      // of another version, or somebody else's
      if (error instanceof ShapeError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Writes a value; if `after` is given, only if that is the key's revision, 0 for none. */
  async set(key: string, value: unknown, after?: number): Promise<Written> {
    const bytes = Buffer.from(JSON.stringify(value));
    const options = after === undefined ? {} : { previousSeq: after };
    const outcome = await this.jetStream.attempt(() => this.#kv.put(key, bytes, options));
    if ('answer' in outcome) return { revision: outcome.answer };
    if ('silence' in outcome) return 'silent';
    if (outcome.refusal.code === REFUSALS.wrongLastSequence) return 'refused';
    throw this.#refused(`Cannot write ${key}`, outcome.refusal);
  }

  /** All keys. */
  async keys(): Promise<string[]> {
    const prefix = `$KV.${this.#bucket}.`;
    const { state } = await this.jetStream.demand(`Cannot list the bucket ${this.#bucket}`, ({ manager }) =>
      manager.streams.info(`KV_${this.#bucket}`, { subjects_filter: `${prefix}>` }),
    );
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length));
  }

  /** Removes a key without a trace. */
  async remove(key: string): Promise<void> {
    const filter = `$KV.${this.#bucket}.${key}`;
    await this.jetStream.demand(`Cannot remove ${key}`, ({ manager }) =>
      manager.streams.purge(`KV_${this.#bucket}`, { filter }),
    );
  }

  #refused(task: string, refusal: Refusal): Error {
    return this.jetStream.refused(`${task} in the bucket ${this.#bucket}`, refusal);
  }
}
