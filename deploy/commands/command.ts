/** What a command of `lopt` is. */
import type { Flags } from '../run/train-flags.js';

/** A command: the command line shows and checks its flags, then runs it. */
export interface Command {
  name: string;
  /** With its positional arguments, as yargs writes them. */
  usage: string;
  summary: string;
  /** Flags that take a value, with what they mean. */
  flags: Readonly<Record<string, string>>;
  /** Flags that take none. */
  switches: Readonly<Record<string, string>>;
  /** Whether `--problem.NAME VALUE` is taken. */
  problemOptions: boolean;
  /** Returns the exit code. */
  run(positionals: Readonly<Record<string, string | undefined>>, flags: Flags): Promise<number>;
}
