/** Shows a run on the screen: one live line on a terminal, otherwise a plain line every few seconds. */

import type { Scores } from '../../coordinator/evaluation.js';
import type { RoundMeasures, RunObserver } from '../../coordinator/observer.js';
import type { Goal } from '../../coordinator/pacer.js';
import type { RunConfig } from '../../shared/config.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { EpisodeLoss } from './episode-loss.js';

/** The stream to write lines to. */
export interface LineStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const LIVE_MS = 100;
const PLAIN_MS = 5000;

export class Progress implements RunObserver {
  readonly #stream: LineStream;
  readonly #goal: Goal;
  readonly #metaLoss: EpisodeLoss;
  #startedAt = performance.now();
  #firstRound = 0;
  #target: number | undefined;
  #shownAt = 0;
  #lastScore: number | null | undefined;

  constructor(stream: LineStream, config: RunConfig, goal: Goal) {
    this.#stream = stream;
    this.#metaLoss = new EpisodeLoss(config);
    this.#goal = goal;
    if ('rounds' in goal) this.#target = goal.rounds;
  }

  started(round: number): void {
    this.#firstRound = round;
    // a coordinator may have stood by for a long time before
    this.#startedAt = performance.now();
    if (round > 0) this.say(`Resuming after round ${round}.`);
  }

  planned(rounds: number): void {
    if ('seconds' in this.#goal) {
      this.#target = rounds;
      this.say(`Planned ${rounds} rounds, from the pace so far.`);
    }
  }

  grown(round: number, horizon: number): void {
    this.say(`From round ${round + 1} on, episodes begin with ${horizon} steps.`);
  }

  evaluated(_round: number, { sum }: Scores): void {
    this.#lastScore = sum.mean;
  }

  waiting(): void {
    this.say('Waiting for a worker.');
  }

  round(record: JournalRecord, measures: RoundMeasures): void {
    this.#metaLoss.add(record);
    const now = performance.now();
    if (now - this.#shownAt < (this.#stream.isTTY ? LIVE_MS : PLAIN_MS)) return;
    this.#shownAt = now;
    const line = this.#lineOf(record, measures, now);
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[2K${line.slice(0, (this.#stream.columns ?? 80) - 1)}`);
    else this.#stream.write(`${line}\n`);
  }

  /** Prints a line above the live one. */
  say(line: string): void {
    this.#stream.write(`${this.#stream.isTTY ? '\r\x1b[2K' : ''}${line}\n`);
  }

  #lineOf({ round, healthy, problems }: JournalRecord, { workers }: RoundMeasures, now: number): string {
    const elapsed = (now - this.#startedAt) / 1000;
    const pace = (round - this.#firstRound) / elapsed;
    const parts = [`round ${round}${this.#target === undefined ? '' : `/${this.#target}`}`];
    const metaLoss = this.#metaLoss.last;
    if (metaLoss !== undefined) parts.push(`meta-loss ${metaLoss.toPrecision(4)}`);
    if (this.#lastScore !== undefined) parts.push(`held-out ${this.#lastScore?.toPrecision(4) ?? 'not finite'}`);
    parts.push(`${pace.toPrecision(3)} rounds/s`, `${workers} worker${workers === 1 ? '' : 's'}`);
    if (healthy < problems) parts.push(`${problems - healthy} of ${problems} problems bad`);
    const left = this.#secondsLeft(round, pace, elapsed);
    if (left !== undefined) parts.push(`ETA ${clock(left)}`);
    return parts.join('  ');
  }

  #secondsLeft(round: number, pace: number, elapsed: number): number | undefined {
    if (this.#target !== undefined) return pace > 0 ? (this.#target - round) / pace : undefined;
    return 'seconds' in this.#goal ? this.#goal.seconds - elapsed : undefined;
  }
}

/** Seconds as 1:02:03 or 2:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** Calls several observers, in order. */
export function observeAll(...observers: readonly RunObserver[]): Required<RunObserver> {
  return {
    recovered: (record, norm) => observers.forEach((observer) => void observer.recovered?.(record, norm)),
    started: (round, term) => observers.forEach((observer) => void observer.started?.(round, term)),
    planned: (rounds) => observers.forEach((observer) => void observer.planned?.(rounds)),
    grown: (round, horizon) => observers.forEach((observer) => void observer.grown?.(round, horizon)),
    round: (record, measures) => observers.forEach((observer) => void observer.round?.(record, measures)),
    evaluated: (round, scores, phi, horizon) =>
      observers.forEach((observer) => void observer.evaluated?.(round, scores, phi, horizon)),
    saved: (state) => observers.forEach((observer) => void observer.saved?.(state)),
    waiting: () => observers.forEach((observer) => void observer.waiting?.()),
    reassigned: (worker, why) => observers.forEach((observer) => void observer.reassigned?.(worker, why)),
    banned: (worker, round, node) => observers.forEach((observer) => void observer.banned?.(worker, round, node)),
  };
}
