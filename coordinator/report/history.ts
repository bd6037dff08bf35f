/** The history of a run, read back from metrics.jsonl for charts. */
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type EpisodeShape, windowOf, windowsPerEpisode } from '../../shared/episodes.js';
import { FileError, messageOf } from '../../shared/errors.js';
import { type EpisodeVariety, hasEqualEpisodes } from '../../shared/timeline.js';
import type { Scores, Statistics } from '../evaluation.js';

/** The values of one quantity by round. */
export interface Track {
  rounds: number[];
  values: number[];
}

/** A held-out evaluation. */
export interface EvaluatedRound {
  round: number;
  sum: Statistics;
  final: Statistics;
  /** T, if the line has it: scores with different horizons are not comparable. */
  horizon?: number;
}

export interface RunHistory {
  /** The last round; 0 if there is none. */
  round: number;
  /** Meta-losses of whole episodes, Σ_{t=1}^{T} w_t f(θ_t) averaged over problems, by the round that ends the episode. */
  metaLoss: Track;
  learningRate: Track;
  /** By round. */
  evaluations: EvaluatedRound[];
  /** Windows of single problems: all, and those left out because the problem had gone bad. */
  windows: number;
  unhealthyWindows: number;
  /** Rounds in which some problem was unhealthy, and rounds without an outer step. */
  unhealthyRounds: number;
  skippedRounds: number;
  /** Windows of shards that were computed again after a worker or thread was lost. */
  replayed: number;
  /** Total time from the broadcast of φ to the complete sum. */
  seconds: number;
  /** Lines that cannot be read. */
  badLines: number;
}

/** The fields of a round in metrics.jsonl; other fields are ignored. */
interface RoundLine {
  round: number;
  metaLoss: number | null;
  healthy: number;
  problems: number;
  learningRate: number;
  skipped: boolean;
  seconds: number;
  replayed: number;
}

/** How the run's episodes are divided into windows. */
type TrainedShape = EpisodeShape & Partial<EpisodeVariety>;

/** Reads metrics.jsonl line by line; if the file does not exist yet, the history is empty. */
export async function readHistory(path: string, shape: TrainedShape): Promise<RunHistory> {
  const reader = new HistoryReader(shape);
  if (existsSync(path)) {
    try {
      for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
        reader.add(line);
    } catch (cause) {
      throw new FileError(path, `Cannot read the metrics from ${path}: ${messageOf(cause)}`, { cause });
    }
  }
  return reader.history();
}

/** Builds a history from the lines of metrics.jsonl, in order. */
export class HistoryReader {
  readonly #shape: EpisodeShape;
  readonly #equalEpisodes: boolean;
  readonly #evaluations = new Map<number, EvaluatedRound>();
  readonly #history: RunHistory = {
    round: 0,
    metaLoss: { rounds: [], values: [] },
    learningRate: { rounds: [], values: [] },
    evaluations: [],
    windows: 0,
    unhealthyWindows: 0,
    unhealthyRounds: 0,
    skippedRounds: 0,
    replayed: 0,
    seconds: 0,
    badLines: 0,
  };
  /** The open episode: how many of its windows have come so far, and the sum of their losses. */
  #episode = { windows: 0, loss: 0 };

  constructor(shape: TrainedShape) {
    this.#shape = shape;
    this.#equalEpisodes = hasEqualEpisodes(shape);
  }

  add(line: string): void {
    if (line.trim() === '') return;
    let content: unknown;
    try {
      content = JSON.parse(line);
    } catch {
      // a torn line is counted below
    }
    if (isRound(content)) this.#addRound(content);
    else if (isEvaluation(content)) {
      const { evaluation: round, sum, final, horizon } = content;
      this.#evaluations.set(round, { round, sum, final, ...(Number.isSafeInteger(horizon) && { horizon: horizon! }) });
    } else this.#history.badLines += 1;
  }

  history(): RunHistory {
    const evaluations = [...this.#evaluations.values()].sort((a, b) => a.round - b.round);
    return { ...this.#history, evaluations };
  }

  #addRound({ round, metaLoss, healthy, problems, learningRate, skipped, seconds, replayed }: RoundLine): void {
    const history = this.#history;
    history.round = Math.max(history.round, round);
    history.learningRate.rounds.push(round);
    history.learningRate.values.push(learningRate);
    history.windows += problems;
    history.unhealthyWindows += problems - healthy;
    if (healthy < problems) history.unhealthyRounds += 1;
    if (skipped) history.skippedRounds += 1;
    history.replayed += replayed;
    history.seconds += seconds;
    this.#addWindow(round, metaLoss);
  }

  /** Sums an episode's windows. There is no meta-loss if a window is missing or if episodes differ in their windows. */
  #addWindow(round: number, loss: number | null): void {
    const { window } = windowOf(round, this.#shape);
    if (window === 0) this.#episode = { windows: 0, loss: 0 };
    const episode = this.#episode;
    if (!this.#equalEpisodes || window !== episode.windows || loss === null) return;
    episode.windows += 1;
    episode.loss += loss;
    if (episode.windows < windowsPerEpisode(this.#shape)) return;
    this.#history.metaLoss.rounds.push(round);
    this.#history.metaLoss.values.push(episode.loss);
  }
}

function isRound(content: unknown): content is RoundLine {
  const line = content as Partial<RoundLine> | null | undefined;
  return (
    typeof line === 'object' &&
    line !== null &&
    (line.metaLoss === null || Number.isFinite(line.metaLoss)) &&
    typeof line.skipped === 'boolean' &&
    [line.round, line.healthy, line.problems, line.learningRate, line.seconds, line.replayed].every(Number.isFinite)
  );
}

function isEvaluation(content: unknown): content is { evaluation: number; horizon?: number } & Scores {
  const line = content as ({ evaluation?: number } & Partial<Scores>) | null | undefined;
  return Number.isFinite(line?.evaluation) && [line?.sum, line?.final].every((part) => part?.mean !== undefined);
}
