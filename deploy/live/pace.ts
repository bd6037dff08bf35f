/** The pace of the last seconds. */

/** Seconds of rounds that it is taken over. */
const SECONDS = 10;

export class Pace {
  #marks: { at: number; rounds: number }[] = [];

  /** Rounds a second, now that so many are done; null where nothing is known yet. */
  after(rounds: number): number | null {
    const at = performance.now() / 1000;
    this.#marks = [...this.#marks.filter((mark) => at - mark.at < SECONDS), { at, rounds }];
    const first = this.#marks[0]!;
    return at > first.at ? (rounds - first.rounds) / (at - first.at) : null;
  }
}
