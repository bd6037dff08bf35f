/** `lopt problems` and `lopt engines`: what there is. */

import { ENGINES } from '../../worker/engines/select.js';
import type { OptionSpec } from '../../worker/problems/problem.js';
import { FAMILIES } from '../../worker/problems/registry.js';
import { type EngineReport, probeEngine } from '../run/engine-probe.js';
import { EXIT } from '../run/exit.js';
import { MODULE_FLAG, problemOf } from '../run/problem-module.js';
import type { Command } from './command.js';

export const problems: Command = {
  name: 'problems',
  usage: 'problems',
  summary: 'list the problem families and their options',
  flags: MODULE_FLAG,
  switches: {},
  problemOptions: false,
  async run(_positionals, flags) {
    await problemOf('Cannot list problems', flags, undefined);
    for (const { name, summary, options } of FAMILIES.values()) {
      process.stdout.write(`${name.padEnd(12)}${summary}\n`);
      for (const [option, spec] of Object.entries(options)) {
        process.stdout.write(`  --problem.${option}  ${spec.describe}${valuesOf(spec)}\n`);
      }
    }
    return EXIT.done;
  },
};

function valuesOf(spec: OptionSpec): string {
  if (spec.type === 'folder') return '';
  const choices = spec.type === 'choice' ? `${spec.choices.join(' or ')}; ` : '';
  return ` (${choices}default ${String(spec.default)})`;
}

export const engines: Command = {
  name: 'engines',
  usage: 'engines',
  summary: 'list what can compute windows, and on what, here',
  flags: {},
  switches: {},
  problemOptions: false,
  async run() {
    for (const { name, summary } of ENGINES.values()) {
      process.stdout.write(`${name.padEnd(12)}${summary}\n`);
      for (const [what, value] of reportLines(await probeEngine(name))) {
        process.stdout.write(`  ${what.padEnd(13)}${value}\n`);
      }
    }
    return EXIT.done;
  },
};

function reportLines(report: EngineReport): [string, string][] {
  if (!report.usable) return [['not usable', report.reason]];
  const { device, fingerprint } = report;
  return [
    ['device', device.name],
    ['fingerprint', fingerprint],
  ];
}
