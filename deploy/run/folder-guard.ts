/** Guards what the folder of a run has: refuses to go on from before what it reached, and notes what it reaches. */
import type { LearnerState } from '../../coordinator/learner.js';
import type { RunObserver } from '../../coordinator/observer.js';
import { lastRoundIn } from '../../coordinator/report/metrics.js';
import type { RunConfig } from '../../shared/config.js';
import { FileError } from '../../shared/errors.js';
import type { RunFolder } from './run-folder.js';
import type { ServerPlace } from './run-record.js';

export interface FolderGuardOptions {
  folder: RunFolder;
  config: RunConfig;
  /** The command that goes on with the run. */
  resume: string;
  /** Where the journal is, if not in the folder alone. */
  server?: ServerPlace | undefined;
  /** What a user can do about a run that has lost the rounds after this one, beside restoring them. */
  otherwise: (round: number) => string[];
}

/** For commands that can go back to a round. */
export function goBackOrElsewhere(round: number): string[] {
  return [`compute the rounds again with --from-round ${round}`, 'begin anew in another folder'];
}

/** As in `a, b, or c`. */
function anyOf(ways: readonly string[]): string {
  return `${ways.slice(0, -1).join(', ')}, or ${ways.at(-1)}`;
}

export class FolderGuard implements RunObserver {
  readonly #options: FolderGuardOptions;

  constructor(options: FolderGuardOptions) {
    this.#options = options;
  }

  /**
   * Throws FileError if the run got further than its journal, of which this is the last round; undefined if it is empty.
   */
  readonly accept = (last: number | undefined): void => {
    const { folder, config } = this.#options;
    const begin = config.start?.round ?? 0;
    const saved = folder.record?.round ?? begin;
    // the metrics may be ahead of a journal by what a power failure has taken from it, but it keeps its first record
    const reached = last === undefined ? Math.max(saved, lastRoundIn(folder.metrics)) : saved;
    if ((last ?? begin) < reached) throw new FileError(folder.path, this.#refusal(last, reached));
  };

  started(round: number): void {
    this.#note(round);
  }

  saved({ round, best, phi }: LearnerState): void {
    const { folder, config } = this.#options;
    const last = new Float32Array(phi);
    folder.writePhis(config, best ?? { phi: last }, last);
    this.#note(round);
  }

  #note(round: number): void {
    const { folder, resume } = this.#options;
    const server = this.#options.server ?? folder.record?.server;
    folder.storeRecord({ ...(server ? { server } : {}), resume, round });
  }

  #refusal(last: number | undefined, reached: number): string {
    const { folder, config, resume, server, otherwise } = this.#options;
    const begin = config.start?.round ?? 0;
    const place = server ? `, both as run ${server.run} on NATS at ${server.url} and in ${folder.journal},` : '';
    const journal = server ? 'its journal' : `its journal in ${folder.journal}`;
    const state = last === undefined ? 'is empty' : `ends with round ${last}`;
    const other = folder.record?.resume;
    const ways = [
      ...(other !== undefined && other !== resume ? [`go on with ${other}`] : []),
      server ? 'restore one of them' : 'restore it',
      ...otherwise(last ?? begin),
    ];
    return `Cannot resume ${folder.path}: it got to round ${reached}, but ${journal}${place} ${state}; ${anyOf(ways)}`;
  }
}
