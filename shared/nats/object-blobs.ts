/**
 * Blobs in a JetStream object store, in the format of NATS's own tools. The client writes them; single requests read,
 * list and remove them, since the client's readers are consumers, which may wait for ever if a server goes away. A
 * writer that is killed half-way leaves chunks that nobody sees; they are deleted with the store.
 */
import type { ObjectStore } from 'nats';
import type { BlobStore } from '../blobs/blob-store.js';
import { ClusterError } from '../errors.js';
import { type JetStream, type MessageQuery, REFUSALS, type StoredMessage } from './jetstream.js';

/** Options of a store. */
export interface ObjectBlobsOptions {
  jetStream: JetStream;
  /** The object store's name; the first write makes it if it is missing. */
  bucket: string;
  /** Prefix of the names, since several folders share a store. */
  folder: string;
  /** Servers of a cluster that hold a copy. @default 1 */
  replicas?: number;
}

/** The store's entry for an object. */
interface ObjectMeta {
  name: string;
  nuid: string;
  chunks: number;
}

export class ObjectBlobs implements BlobStore {
  readonly #jetStream: JetStream;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #folder: string;
  readonly #replicas: number;
  #store: ObjectStore | undefined;

  constructor({ jetStream, bucket, folder, replicas = 1 }: ObjectBlobsOptions) {
    this.#jetStream = jetStream;
    this.#bucket = bucket;
    this.#stream = `OBJ_${bucket}`;
    this.#folder = `${folder}/`;
    this.#replicas = replicas;
  }

  async names(): Promise<string[]> {
    const names = (await this.#metaKeys()).map((key) => Buffer.from(key, 'base64url').toString('utf8'));
    return names.filter((name) => name.startsWith(this.#folder)).map((name) => name.slice(this.#folder.length));
  }

  /** The bytes that are there: the reader must be able to tell whether they are complete. */
  async read(name: string): Promise<Buffer> {
    const task = `Cannot read ${this.placeOf(name)}`;
    const meta = await this.#meta(name);
    if (!meta) throw new ClusterError(`${task}: it is not there`);
    const subject = this.#subject('C', meta.nuid);
    const chunks: Uint8Array[] = [];
    for (let sequence = 1; chunks.length < meta.chunks; ) {
      const chunk = await this.#message(task, { seq: sequence, next_by_subj: subject });
      if (!chunk) break;
      chunks.push(chunk.data);
      sequence = chunk.sequence + 1;
    }
    return Buffer.concat(chunks);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const task = `Cannot write ${this.placeOf(name)}`;
    const store = await this.#open(task);
    await this.#jetStream.demand(task, () => store.putBlob({ name: this.#folder + name }, bytes));
  }

  async remove(name: string): Promise<void> {
    const meta = await this.#meta(name);
    if (!meta) return;
    // purged entirely: the client would keep a mark for each, and there is a new name every few seconds
    await this.#purge(this.#metaSubject(name));
    await this.#purge(this.#subject('C', meta.nuid));
  }

  placeOf(name: string): string {
    return `${this.#folder}${name} in the object store ${this.#bucket}`;
  }

  /** The store, made if it is missing. */
  async #open(task: string): Promise<ObjectStore> {
    const options = { replicas: this.#replicas, description: 'lopt: checkpoints' };
    this.#store ??= await this.#jetStream.demand(task, ({ client }) => client.views.os(this.#bucket, options));
    return this.#store;
  }

  async #meta(name: string): Promise<ObjectMeta | undefined> {
    const found = await this.#message(`Cannot read ${this.placeOf(name)}`, { last_by_subj: this.#metaSubject(name) });
    if (!found) return undefined;
    const meta = JSON.parse(Buffer.from(found.data).toString('utf8')) as ObjectMeta & { deleted?: boolean };
    return meta.deleted ? undefined : meta;
  }

  async #message(task: string, query: MessageQuery): Promise<StoredMessage | undefined> {
    const outcome = await this.#jetStream.read(task, this.#stream, query);
    if ('answer' in outcome) return outcome.answer;
    if (outcome.refusal.code === REFUSALS.noStream) return undefined;
    throw this.#jetStream.refused(task, outcome.refusal);
  }

  /** The names of all objects, as subjects spell them. */
  async #metaKeys(): Promise<string[]> {
    const task = `Cannot list the object store ${this.#bucket}`;
    const prefix = this.#subject('M', '');
    const outcome = await this.#jetStream.ask(task, ({ manager }) =>
      manager.streams.info(this.#stream, { subjects_filter: `${prefix}>` }),
    );
    if ('answer' in outcome) {
      return Object.keys(outcome.answer.state.subjects ?? {}).map((subject) => subject.slice(prefix.length));
    }
    if (outcome.refusal.code === REFUSALS.noStream) return [];
    throw this.#jetStream.refused(task, outcome.refusal);
  }

  async #purge(filter: string): Promise<void> {
    const task = `Cannot remove from the object store ${this.#bucket}`;
    await this.#jetStream.demand(task, ({ manager }) => manager.streams.purge(this.#stream, { filter }));
  }

  #subject(kind: 'M' | 'C', key: string): string {
    return `$O.${this.#bucket}.${kind}.${key}`;
  }

  #metaSubject(name: string): string {
    // padded, as the client writes it
    const key = Buffer.from(this.#folder + name, 'utf8')
      .toString('base64')
      .replaceAll('+', '-')
      .replaceAll('/', '_');
    return this.#subject('M', key);
  }
}
