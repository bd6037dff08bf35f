/** `lopt export`: φ in the formats of other programs. */
import { resolve } from 'node:path';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { checkChoice } from '../../shared/check.js';
import { LoptError, UsageError } from '../../shared/errors.js';
import { writeFileWhole } from '../../shared/files.js';
import { readPhi } from '../../shared/phi-file.js';
import { ruleOf } from '../../worker/architectures/registry.js';
import { encodeJson } from '../export/json.js';
import { encodeNpz } from '../export/npz.js';
import { EXIT } from '../run/exit.js';
import { phiFileAt } from '../run/named-phi.js';
import { pretrained } from '../run/pretrained.js';
import type { Flags } from '../run/train-flags.js';
import type { Command } from './command.js';

const TASK = 'Cannot export';

/** The contents of a file. */
type Encoded = Uint8Array | string;

/** What φ can be made into. */
const FORMATS: Readonly<
  Record<
    string,
    { extension: string; encode: (architecture: ArchitectureConfig, phi: Float32Array) => Encoded | Promise<Encoded> }
  >
> = {
  npz: { extension: '.npz', encode: encodeNpz },
  json: { extension: '.json', encode: encodeJson },
  torch: { extension: '.py', encode: encodeTorch },
};

/** The Python source of the architecture's own. Throws LoptError if it has none. */
function encodeTorch(architecture: ArchitectureConfig, phi: Float32Array): Promise<string> {
  const { type, torch } = ruleOf(architecture);
  if (torch) return torch(architecture, phi);
  throw new LoptError(`${TASK}: architecture "${type}" must have an export for PyTorch, and has none`);
}

export const exportPhi: Command = {
  name: 'export',
  usage: 'export <phi>',
  summary: 'write φ for numpy, as JSON, or as a PyTorch optimizer',
  flags: {
    to: 'npz for numpy, json, or torch: a Python file with a torch.optim.Optimizer',
    out: 'file to write (default: beside φ, with the extension .npz, .json or .py)',
  },
  switches: {},
  problemOptions: false,
  run: runExport,
};

async function runExport(positionals: Readonly<Record<string, string | undefined>>, flags: Flags): Promise<number> {
  const formats = Object.keys(FORMATS);
  if (flags['to'] === undefined) throw new UsageError(`${TASK}: --to must be given, one of ${formats.join(', ')}`);
  const { extension, encode } = FORMATS[checkChoice(TASK, 'to', flags['to'], formats)]!;
  const named = positionals['phi']!;
  const ready = pretrained(named)?.path;
  const path = ready === undefined ? phiFileAt(TASK, named) : named;
  const out = String(flags['out'] ?? `${path.replace(/\.safetensors$/, '')}${extension}`);
  if (resolve(out) === resolve(path)) {
    throw new UsageError(`${TASK}: "out" must be another file than that of φ, got ${JSON.stringify(out)}`);
  }
  const { architecture, phi } = readPhi(ready ?? path);
  writeFileWhole(out, await encode(architecture, phi));
  process.stdout.write(`Wrote the ${phi.length} numbers of φ to ${out}\n`);
  return EXIT.done;
}
