/** `lopt problems` and `lopt engines`: what there is. */

import { LoptError } from '../../shared/errors.js';
import { ENGINES } from '../../worker/engines/select.js';
import { loadProblemModule } from '../../worker/problems/modules.js';
import { parametersOf, tensorsText } from '../../worker/problems/parameter-tensors.js';
import type { DrawnOptionSpec, OptionSpec } from '../../worker/problems/problem.js';
import { FAMILIES, familyFor, optionValues } from '../../worker/problems/registry.js';
import { type EngineReport, probeEngine } from '../run/engine-probe.js';
import { EXIT } from '../run/exit.js';
import { MODULE_FLAG, withModulePath } from '../run/problem-module.js';
import type { Command } from './command.js';

export const problems: Command = {
  name: 'problems',
  usage: 'problems',
  summary: 'list the problem families, their options and the tensors of θ',
  flags: MODULE_FLAG,
  switches: {},
  problemOptions: false,
  async run(_positionals, flags) {
    const { 'problem-module': module } = withModulePath('Cannot list problems', flags);
    // a list computes nothing: whatever trains on the module tries it out
    if (module !== undefined) await loadProblemModule(String(module), { trial: false });
    for (const { name, summary, options } of FAMILIES.values()) {
      process.stdout.write(`${name.padEnd(12)}${summary}\n`);
      for (const [option, spec] of Object.entries(options)) {
        process.stdout.write(`  --problem.${option}  ${spec.describe}${valuesOf(spec)}\n`);
      }
      process.stdout.write(`  θ by default: ${await defaultTensors(name)}\n`);
    }
    return EXIT.done;
  },
};

/** The tensors of θ with the default options, or the sentence that says why the family cannot be had with these. */
async function defaultTensors(name: string): Promise<string> {
  const family = familyFor(name, {});
  const options = optionValues(family, {});
  try {
    if (family.parametersFor) return tensorsText(await family.parametersFor(options));
    const problems = await family.configure(options);
    if (!problems.mixture) return tensorsText(parametersOf(problems));
    const each = problems.mixture.components.map((component) => tensorsText(parametersOf(component)));
    return `${each.join(' or ')}, by the episode`;
  } catch (error) {
    if (error instanceof LoptError) return `not known (${error.message})`;
    throw error;
  }
}

function valuesOf(spec: OptionSpec): string {
  if (spec.type === 'folder') return '';
  const choices = spec.type === 'choice' ? `${spec.choices.join(' or ')}; ` : '';
  const drawn = 'alternatives' in spec && spec.alternatives ? `; of ${severalOf(spec)} every episode draws one` : '';
  return ` (${choices}default ${String(spec.default)}${drawn})`;
}

/** Several values of an option, as an example. */
function severalOf(spec: DrawnOptionSpec): string {
  if (spec.type === 'choice') return spec.choices.slice(0, 2).join('|');
  return spec.type === 'integers' ? '16|32|32,32 or 16..64' : '3|5 or 32..128';
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
