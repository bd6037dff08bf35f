/** The pace over the last seconds. */

/** Seconds that the pace is averaged over. */
const SECONDS = 10;

export class Pace {
  #marks: { at: number; rounds: number }[] = [];

  /** Rounds per second, given the rounds done by now; null if not known yet. */
  after(rounds: number): number | null {
    const at = performance.now() / 1000;
    this.#marks = [...this.#marks.filter((mark) => at - mark.at < SECONDS), { at, rounds }];
    const first = this.#marks[0]!;
    return at > first.at ? (rounds - first.rounds) / (at - first.at) : null;
  }
}
