/** The command line: finds the command, checks its flags, and turns errors into sentences and exit codes. */
import yargs, { type Argv } from 'yargs';
import { suggestion } from '../shared/check.js';
import { VERSION } from '../shared/config.js';
import { FlagFileError, LoptError, messageOf, UsageError } from '../shared/errors.js';
import { codeOf } from '../shared/file-trouble.js';
import { nativeFault } from '../worker/devices/native/load.js';
import { bench } from './commands/bench.js';
import type { Command } from './commands/command.js';
import { coordinator } from './commands/coordinator.js';
import { evaluate } from './commands/eval.js';
import { exportPhi } from './commands/export.js';
import { addFlags, flagNames } from './commands/flags.js';
import { key } from './commands/key.js';
import { engines, problems } from './commands/lists.js';
import { report as reportCommand } from './commands/report.js';
import { status, stop } from './commands/runs.js';
import { sweep } from './commands/sweep.js';
import { train } from './commands/train.js';
import { up } from './commands/up.js';
import { worker } from './commands/worker.js';
import { EXIT } from './run/exit.js';
import { StoppedError } from './run/stop-signal.js';
import type { Flags } from './run/train-flags.js';

const COMMANDS: readonly Command[] = [
  train,
  sweep,
  evaluate,
  reportCommand,
  exportPhi,
  up,
  coordinator,
  worker,
  key,
  status,
  stop,
  bench,
  problems,
  engines,
];

/** Runs `lopt` with these arguments; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    checkWorkingFolder();
    const { rest, options } = takeProblemOptions(args);
    checkCommand(rest);
    let code: number = EXIT.done;
    const parser = COMMANDS.reduce(
      (chain, command) =>
        addCommand(chain, command, { options, help: rest.includes('--help') }, (done) => {
          code = done;
        }),
      base(),
    );
    await parser.parseAsync(rest);
    return code;
  } catch (error) {
    return report(error);
  }
}

/** Paths are relative to it, and yargs asks for it. */
function checkWorkingFolder(): void {
  try {
    process.cwd();
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause;
    throw new LoptError('Cannot run lopt: the working directory was deleted; change to one that exists', { cause });
  }
}

function base(): Argv {
  return yargs()
    .scriptName('lopt')
    .usage('$0 <command>\n\nMeta-trains learned optimizers: one result, to the last bit, on any number of workers.')
    .parserConfiguration({ 'camel-case-expansion': false, 'dot-notation': false, 'boolean-negation': false })
    .version(VERSION)
    .help()
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .fail((message, error) => {
      if (error) throw error;
      const missing = message.startsWith('Not enough non-option arguments');
      throw new UsageError(
        `Cannot run lopt: ${missing ? 'an argument is missing; lopt COMMAND --help says which' : message}`,
      );
    })
    .exitProcess(false);
}

function checkCommand(words: readonly string[]): void {
  if (words.some((word) => word === '--help' || word === '--version')) return;
  const names = COMMANDS.map(({ name }) => name);
  const [command] = words;
  if (command === undefined)
    throw new UsageError(`Cannot run lopt: a command must be given, one of ${names.join(', ')}`);
  if (names.includes(command)) return;
  throw new UsageError(
    `Cannot run lopt: the command must be one of ${names.join(', ')}, got "${command}"${suggestion(command, names)}`,
  );
}

function addCommand(
  chain: Argv,
  command: Command,
  { options, help }: { options: Flags; help: boolean },
  done: (code: number) => void,
): Argv {
  return chain.command(
    command.usage,
    command.summary,
    (builder) => {
      const built = addFlags(builder, command, help);
      if (!command.problemOptions) return built;
      return built.epilogue('--problem.NAME VALUE sets an option of the problem family; lopt problems lists them.');
    },
    async (argv) => {
      const { _: extra, $0: _script, help: _help, version: _version, ...rest } = argv;
      const positionals: Record<string, string | undefined> = {};
      const flags: Record<string, unknown> = { ...options };
      const names = [...command.usage.matchAll(/[<[]([a-z]+)[>\]]/g)].map((match) => match[1]!);
      const known = flagNames(command);
      for (const [name, value] of Object.entries(rest)) {
        if (names.includes(name)) positionals[name] = value === undefined ? undefined : String(value);
        else if (known.includes(name)) flags[name] = value;
        else
          throw new UsageError(`Cannot run lopt ${command.name}: there is no flag --${name}${suggestion(name, known)}`);
      }
      if (extra.length > 1)
        throw new UsageError(`Cannot run lopt ${command.name}: "${String(extra[1])}" is one word too many`);
      if (!command.problemOptions && Object.keys(options).length > 0) {
        throw new UsageError(`Cannot run lopt ${command.name}: it takes no options of a problem`);
      }
      for (const [name, value] of Object.entries(flags)) {
        if (Array.isArray(value)) throw new UsageError(`Cannot run lopt ${command.name}: --${name} must be given once`);
      }
      // no error, since another engine computes the same bits: a command must work on the next machine too
      const fault = flags['engine'] === 'native' ? nativeFault() : undefined;
      if (fault !== undefined) process.stderr.write(`${fault}\n`);
      done(await command.run(positionals, flags));
    },
  );
}

/** Takes `--problem.NAME VALUE` and `--problem.NAME=VALUE` out: yargs would check them against the flags. */
function takeProblemOptions(args: readonly string[]): { rest: string[]; options: Flags } {
  const rest: string[] = [];
  const options: Record<string, unknown> = {};
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const match = /^--(problem\.[^=]+)(?:=(.*))?$/s.exec(arg);
    if (!match) {
      rest.push(arg);
      continue;
    }
    const name = match[1]!;
    const value = match[2] ?? args[++i];
    if (value === undefined || (match[2] === undefined && value.startsWith('--'))) {
      throw new UsageError(`Cannot run lopt: --${name} must be followed by a value`);
    }
    options[name] = value;
  }
  return { rest, options };
}

/** Says what went wrong in a sentence; only what nobody foresaw shows its stack. Returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof LoptError) {
    process.stderr.write(`${error.message}\n`);
    if (error instanceof StoppedError) return EXIT.interrupted;
    return error instanceof UsageError || error instanceof FlagFileError ? EXIT.usage : EXIT.failed;
  }
  if (error instanceof Error && error.name === 'YError') {
    process.stderr.write(`Cannot run lopt: ${error.message}\n`);
    return EXIT.usage;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  return EXIT.failed;
}
