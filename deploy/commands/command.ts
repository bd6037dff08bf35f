/** What a command of `lopt` is. */
import type { ShownOption } from '../../shared/options/text.js';
import type { Flags } from '../run/train-flags.js';

/** A command: the command line shows and checks its flags, then runs it. */
export interface Command {
  name: string;
  /** With its positional arguments, as yargs writes them. */
  usage: string;
  summary: string;
  /** Flags of its own that take a value, with what they mean. */
  flags: Readonly<Record<string, string>>;
  /** Flags of its own that take none. */
  switches: Readonly<Record<string, string>>;
  /** The options of a run that it takes as flags. */
  options?(): readonly ShownOption[];
  /** Whether `--problem.NAME VALUE` is taken. */
  problemOptions: boolean;
  /** Returns the exit code. */
  run(positionals: Readonly<Record<string, string | undefined>>, flags: Flags): Promise<number>;
}
