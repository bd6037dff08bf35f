/** The journal of a run: one record per round, from which everything else can be rebuilt. */

/** A choice that depended on time or arrival, fixed by recording it before its first use. */
export type Decision =
  /** The fingerprint of the engine that computes the run. */
  | { type: 'engine'; fingerprint: string }
  /** The planned number of rounds, which the learning-rate schedule refers to. */
  | { type: 'plan'; rounds: number }
  /** The held-out score of φ_round, the mean of Σ_{t<T} f(θ_t); null if it is not finite. Lower is better. */
  | { type: 'evaluation'; round: number; score: number | null }
  /** From the next round on, episodes begin with this horizon, the next one of the curriculum. */
  | { type: 'horizon'; horizon: number };

/** Round n: what went into the outer step, and what came out. */
export interface JournalRecord {
  /** n; record 0 holds φ_0. */
  round: number;
  term: number;
  /** φ_n as the workers get it. */
  phi: Float32Array;
  /** The root of the round's sum, [φ]; empty in record 0. */
  metaGradient: Float32Array;
  healthy: number;
  problems: number;
  /** Σ L and Σ f(θ_K) over the healthy problems. */
  loss: number;
  finalLoss: number;
  learningRate: number;
  /** Whether the sum was bad, so that φ_n is φ_{n−1}. */
  skipped: boolean;
  decisions: readonly Decision[];
}

/** Reads past φ's. */
export interface PhiHistory {
  /** φ_n; throws JournalError if the record is not there. */
  phi(round: number): Promise<Float32Array>;
  /** Forgets what was read before: the journal may have been cut back. */
  forget?(): void;
}

/** Records are appended one after another and read by round. */
export interface Journal extends PhiHistory {
  /** Round of the oldest record that is kept; −1 if there is none. */
  readonly first: number;
  /** Round of the newest record; −1 if there is none. */
  readonly last: number;
  /** Appends record `last` + 1; throws JournalError for any other. */
  append(record: JournalRecord): Promise<void>;
  /** Reads a record; throws JournalError if it is not there. */
  read(round: number): Promise<JournalRecord>;
  /** Makes appended records survive a power loss, if that is up to the journal. */
  sync(): Promise<void>;
  /**
   * Drops the records after `round`, the newest first, so that an interruption leaves a valid journal. Does nothing if
   * there are none; throws JournalError if the record of `round` itself is not there.
   */
  truncate(round: number): Promise<void>;
  /** Allows records below `round` to be dropped. */
  purge(round: number): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}
