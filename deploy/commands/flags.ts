/** The flags of a command, as the command line takes and shows them. */
import type { Argv, Options } from 'yargs';
import type { OptionGroup, OptionKind } from '../../shared/options/option.js';
import { optionTable } from '../../shared/options/table.js';
import { type ShownOption, shownOptions } from '../../shared/options/text.js';
import { FAMILIES } from '../../worker/problems/registry.js';
import type { Flags } from '../run/train-flags.js';
import type { Command } from './command.js';

/** Flags that name files: 1.10 stays 1.10. */
const PATHS = new Set([
  'out',
  'init',
  'config',
  'json',
  'report',
  'svg',
  'problem-module',
  'folder',
  'phi',
  'run',
  'name',
  'nats',
  'nats-user',
]);

/** Where a command's own flags stand, and yargs' too. */
const OWN_HEADING = 'Options:';

/** Every option that configures a run. */
export function everyOption(): ShownOption[] {
  return shownOptions([...FAMILIES.values()]);
}

/** Some of the options. @param standards the defaults that the command has instead of the usual ones, or words for them */
export function someOptions(
  { groups = [], names = [] }: { groups?: readonly OptionGroup[]; names?: readonly string[] },
  standards: Flags = {},
): ShownOption[] {
  return everyOption()
    .filter(({ name, rows }) => names.includes(name) || groups.includes(rows[0].group))
    .map((option) => ({ ...option, standard: String(standards[option.name] ?? option.standard) }));
}

/** The defaults of options as flags, whatever families advise. */
export function standardsOf(names: readonly string[]): Flags {
  const rows = optionTable().filter(({ name }) => names.includes(name));
  return Object.fromEntries(rows.map(({ name, kind }) => [name, kind.default]));
}

/** The names of all flags that a command takes. */
export function flagNames({ flags, switches, options }: Pick<Command, 'flags' | 'switches' | 'options'>): string[] {
  return [...Object.keys(flags), ...(options?.() ?? []).map(({ name }) => name), ...Object.keys(switches)];
}

/**
 * Tells yargs of a command's flags. Values are checked by their options, whose sentences are better than yargs': it hears
 * of types and choices only when it is to show them.
 */
export function addFlags(builder: Argv, { flags, switches, options }: Command, help: boolean): Argv {
  const own: Record<string, Options> = {};
  for (const [name, describe] of Object.entries(flags)) {
    own[name] = { describe, requiresArg: true, ...(PATHS.has(name) ? { type: 'string' } : {}) };
  }
  for (const [name, describe] of Object.entries(switches)) own[name] = { describe, type: 'boolean' };
  const ofRuns = (options?.() ?? []).map(({ name, describe, heading, rows, standard }) => {
    const kinds = rows.map(({ kind }) => kind);
    const shown = { describe, group: `${heading}:`, defaultDescription: standard };
    return [name, { ...shown, ...parsing(kinds[0]!), ...(help ? showing(kinds) : {}) }] as const;
  });
  return builder.options({
    ...Object.fromEntries(Object.entries(own).map(([name, option]) => [name, { ...option, group: OWN_HEADING }])),
    ...Object.fromEntries(ofRuns),
  });
}

function parsing(kind: OptionKind): Options {
  return kind.type === 'switch' && !kind.words ? { type: 'boolean' } : { requiresArg: true };
}

function showing(kinds: readonly OptionKind[]): Options {
  const choices = new Set(kinds.flatMap(choicesOf));
  const types = { number: 'number', numbers: 'array', choice: 'string', switch: 'boolean' } as const;
  return choices.size > 0 ? { choices: [...choices] } : { type: types[kinds[0]!.type] };
}

/** The words that an option takes; none if it takes others. */
export function choicesOf(kind: OptionKind): readonly string[] {
  if (kind.type === 'choice') return kind.choices;
  return kind.type === 'switch' ? (kind.words ?? []) : [];
}
