/**
 * Brackets of synchronous successive halving (Jamieson and Talwalkar 2016): all trials of a bracket run to a rung, and
 * the best go on to the next.
 */
import { byCost, createTrials, type Instruction, type Report, type Scheduler } from './scheduler.js';

export interface Bracket {
  /** Rounds of the rungs, ascending. */
  rungs: readonly number[];
  /** How many trials run to each rung, descending. */
  sizes: readonly number[];
}

interface BracketState {
  /** Number of its first trial; the others follow. */
  first: number;
  rung: number;
  alive: readonly number[];
  reports: readonly Report[];
}

/** The brackets that have begun. */
export type BracketStates = readonly BracketState[];

/**
 * @param oneByOne whether a bracket begins only when the previous one is over, so that its trials can be proposed from
 * earlier results
 */
export function synchronousBrackets(brackets: readonly Bracket[], oneByOne: boolean): Scheduler<BracketStates> {
  const firsts: number[] = [];
  let trials = 0;
  for (const { sizes } of brackets) {
    firsts.push(trials);
    trials += sizes[0]!;
  }

  function begin(index: number): { state: BracketState; instructions: Instruction[] } {
    const { sizes, rungs } = brackets[index]!;
    const first = firsts[index]!;
    const alive = Array.from({ length: sizes[0]! }, (_, i) => first + i);
    return {
      state: { first, rung: 0, alive, reports: [] },
      instructions: createTrials(first, alive.length, rungs[0]!),
    };
  }

  return {
    synchronous: true,
    init() {
      const begun = brackets.slice(0, oneByOne ? 1 : brackets.length).map((_, index) => begin(index));
      return {
        state: begun.map(({ state }) => state),
        instructions: begun.flatMap(({ instructions }) => instructions),
      };
    },
    report(states, report) {
      const index = firsts.findLastIndex((first) => first <= report.trial);
      const before = states[index]!;
      const reports = [...before.reports, report];
      if (reports.length < before.alive.length) {
        return { state: states.with(index, { ...before, reports }), instructions: [] };
      }
      const { rungs, sizes } = brackets[index]!;
      const rung = before.rung + 1;
      const alive = rung < rungs.length ? survivors(reports, sizes[rung]!) : [];
      const end = rung < rungs.length ? 'pruned' : 'complete';
      const instructions = before.alive.map(
        (trial): Instruction =>
          alive.includes(trial) ? { action: 'run', trial, to: rungs[rung]! } : { action: 'stop', trial, end },
      );
      const after = states.with(index, { ...before, rung, alive, reports: [] });
      if (alive.length > 0 || states.length === brackets.length) return { state: after, instructions };
      const next = begin(states.length);
      return { state: [...after, next.state], instructions: [...instructions, ...next.instructions] };
    },
  };
}

/** The best trials with a finite cost, by number. */
function survivors(reports: readonly Report[], count: number): number[] {
  const finite = reports.filter(({ cost }) => Number.isFinite(cost)).sort(byCost);
  return finite
    .slice(0, count)
    .map(({ trial }) => trial)
    .sort((a, b) => a - b);
}

/** A bracket that starts with `trials` trials and keeps one in eta, at least one, at every rung. */
export function halvingBracket(trials: number, rungs: readonly number[], eta: number): Bracket {
  const sizes = [trials];
  while (sizes.length < rungs.length) sizes.push(Math.max(1, Math.floor(sizes.at(-1)! / eta)));
  return { rungs, sizes };
}
