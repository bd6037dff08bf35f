/** Shows a sweep on the screen: a live table of its trials on a terminal, otherwise a plain line every few seconds. */
import { clock, type LineStream } from '../run/progress.js';
import type { SweepBoard, TrialPlace } from './board.js';

/** The stream to write a table to. */
export interface TableStream extends LineStream {
  rows?: number;
}

const LIVE_MS = 250;
const PLAIN_MS = 5000;
const HEAD = ['trial', 'state', 'round', 'last', 'best', 'ETA'];

export class SweepTable {
  readonly #stream: TableStream;
  readonly #board: SweepBoard;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  /** Lines of the table that are on the terminal, to be overwritten. */
  #shown = 0;

  constructor(stream: TableStream, board: SweepBoard) {
    this.#stream = stream;
    this.#board = board;
    this.#timer = setInterval(() => this.#show(), stream.isTTY ? LIVE_MS : PLAIN_MS);
  }

  /** Prints a line above the table. */
  say(line: string): void {
    this.#stream.write(`${this.#erased()}${line}\n`);
  }

  /** Shows the final state; idempotent. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#stream.isTTY && this.#shown > 0) this.#show();
    this.#shown = 0;
  }

  #show(): void {
    const { isTTY, rows = 24, columns = 80 } = this.#stream;
    if (!isTTY) {
      this.#stream.write(`${summaryOf(this.#board, this.#seconds)}\n`);
      return;
    }
    const lines = tableOf(this.#board, rows - 3).concat(summaryOf(this.#board, this.#seconds));
    const text = lines.map((line) => `${line.slice(0, columns - 1)}\n`).join('');
    this.#stream.write(this.#erased() + text);
    this.#shown = lines.length;
  }

  get #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** The escape codes that erase the table. */
  #erased(): string {
    const lines = this.#shown;
    this.#shown = 0;
    return this.#stream.isTTY ? `${lines > 0 ? `\x1b[${lines}A` : ''}\r\x1b[J` : '';
  }
}

/** The table's lines, with the head: at most `most`, preferring running trials and the best one. */
export function tableOf(board: SweepBoard, most: number): string[] {
  const shown = chosen(board, Math.max(1, most - 1));
  const names = board.places[0] ? board.parametersOf(board.places[0]).map(([name]) => name) : [];
  const cells = shown.map((place) => [
    String(place.trial),
    place.state,
    `${place.round}/${place.to}`,
    valueText(place.last),
    valueText(place.best),
    place.pace > 0 && place.state === 'running' ? clock((place.to - place.round) / place.pace) : '',
    ...board.parametersOf(place).map(([, value]) => parameterText(value)),
  ]);
  const table = [[...HEAD, ...names], ...cells];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row.map((cell, i) => (i === 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
}

/** The trials that fit, by number. */
function chosen(board: SweepBoard, most: number): TrialPlace[] {
  const { places, best } = board;
  const rank = (place: TrialPlace) =>
    place === best ? 0 : place.state === 'running' ? 1 : place.state === 'paused' ? 2 : 3;
  const ranked = places.toSorted((a, b) => rank(a) - rank(b) || a.trial - b.trial);
  return ranked.slice(0, most).sort((a, b) => a.trial - b.trial);
}

/** A summary of the sweep in one line. @param seconds since it was started or resumed */
export function summaryOf(board: SweepBoard, seconds: number): string {
  const { places, trials, best, workers, rounds } = board;
  const count = (...states: TrialPlace['state'][]) => places.filter(({ state }) => states.includes(state)).length;
  const parts = [`${places.length} of ${trials} trials`, `${count('running')} running`];
  const paused = count('paused', 'waiting');
  if (paused > 0) parts.push(`${paused} paused`);
  parts.push(`${count('complete')} complete`, `${count('pruned')} pruned`);
  if (best) parts.push(`best ${valueText(best.best)} (trial ${best.trial})`);
  parts.push(`${(rounds / Math.max(seconds, 1e-9)).toPrecision(3)} rounds/s`);
  parts.push(`${workers} worker${workers === 1 ? '' : 's'}`, clock(seconds));
  return parts.join('  ');
}

function valueText(value: number | null | undefined): string {
  if (value === undefined) return '';
  return value === null ? 'not finite' : value.toPrecision(4);
}

function parameterText(value: unknown): string {
  if (typeof value === 'number') return String(Number(value.toPrecision(4)));
  return value === undefined ? '' : String(value);
}
