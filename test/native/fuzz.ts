/** The programs fuzz-*.c, one for the kernels of each architecture: how they are built and run. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../../shared/errors.js';
import { ROOT } from '../fixtures/application.js';
import { withFolder } from '../fixtures/folder.js';

const run = promisify(execFile);

interface Unit {
  path: string;
  options: string[];
}

/** What is used of build.js, which is run from the sources. */
interface NativeBuild {
  INSTRUCTION_SETS: Record<string, unknown>;
  units(arch?: string): Unit[];
  compiler(): string | undefined;
  compile(cc: string, units: Unit[], folder: string, options?: string[]): Promise<string[]>;
}

const build = (await import(pathToFileURL(join(ROOT, 'worker/devices/native/build.js')).href)) as NativeBuild;

/** The architectures that have a program. */
export const PROGRAMS = ['lstm', 'mlp'] as const;

export type Program = (typeof PROGRAMS)[number];

/** How a program is built. */
export interface FuzzBuild {
  compiler: string;
  /** The processor that it is for, as Node calls it. */
  arch: string;
  /** Options beside those of the addon. */
  options: string[];
}

/** How many random shapes are tried. */
export const SHAPES = 10_000;

/** Options that have a program stop at the first fault that a sanitizer sees. */
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** Builds a program in an empty folder and returns its path. */
export async function buildFuzz(
  program: Program,
  { compiler, arch, options }: FuzzBuild,
  folder: string,
): Promise<string> {
  const kernels = build.units(arch).filter((unit) => isOf(program, unit));
  const units = [...kernels, { path: join(ROOT, `test/native/fuzz-${program}.c`), options: [] }];
  const objects = await build.compile(compiler, units, folder, options);
  const path = join(folder, `fuzz-${program}`);
  await run(compiler, [...options, ...objects, '-o', path, '-lm']);
  return path;
}

/** Hashes of all results of some shapes, by arithmetic. */
export type Hashes = Record<string, bigint>;

/**
 * Runs a program, behind an emulator if one is given, on the first `shapes` shapes: a process for each core. Rejects with what
 * it said if it failed.
 */
export async function runFuzz(command: string[], shapes: number): Promise<Hashes> {
  const [program, ...words] = command;
  const processes = Math.min(availableParallelism(), shapes);
  const outputs = await Promise.all(
    Array.from({ length: processes }, async (_, i) => {
      const first = Math.floor((shapes * i) / processes);
      const count = Math.floor((shapes * (i + 1)) / processes) - first;
      const { stdout } = await run(program!, [...words, String(first), String(count)], {
        env: { ...process.env, ASAN_OPTIONS },
      });
      return stdout;
    }),
  );
  return addHashes(outputs);
}

/** Without a quarantine of freed arrays, whose pages would cost more time than the kernels do. */
const ASAN_OPTIONS = 'quarantine_size_mb=0:thread_local_quarantine_size_kb=0:allocator_release_to_os_interval_ms=-1';

function addHashes(outputs: string[]): Hashes {
  const hashes: Hashes = {};
  for (const [, arithmetic, hash] of outputs.join('').matchAll(/^(\w+) ([0-9a-f]{16})$/gm)) {
    hashes[arithmetic!] = BigInt.asUintN(64, (hashes[arithmetic!] ?? 0n) + BigInt(`0x${hash}`));
  }
  return hashes;
}

/** The compiler of the addon; why there is none to fuzz with, in a sentence, if there is not. */
export function findCompiler(): { compiler: string; fault?: string } {
  const compiler = build.compiler() ?? '';
  if (!build.INSTRUCTION_SETS[process.arch])
    return { compiler, fault: `there are no native kernels for ${process.arch}` };
  return compiler ? { compiler } : { compiler, fault: 'needs a C compiler: install gcc or clang, or name one in CC' };
}

/** Why a compiler cannot make programs with the sanitizers that run here, in a sentence; undefined if it can. */
export async function sanitizerFault(compiler: string): Promise<string | undefined> {
  return withFolder(async (folder) => {
    const source = join(folder, 'probe.c');
    const program = join(folder, 'probe');
    writeFileSync(source, 'int main(void) { return 0; }\n');
    try {
      await run(compiler, [...SANITIZERS, source, '-o', program]);
      await run(program);
      return undefined;
    } catch (error) {
      const reason = messageOf(error).split('\n')[0];
      return `needs a compiler with AddressSanitizer and UndefinedBehaviorSanitizer, and ${compiler} failed: ${reason}`;
    }
  });
}

/** Runs a program on the first `shapes` shapes under the sanitizers. Rejects with what they saw. */
export async function runSanitized(program: Program, compiler: string, shapes: number): Promise<Hashes> {
  return withFolder(async (folder) => {
    // optimized little, since it is compiled for longer than it runs otherwise
    const options = ['-O1', '-g1', ...SANITIZERS];
    return runFuzz([await buildFuzz(program, { compiler, arch: process.arch, options }, folder)], shapes);
  });
}

/** Whether a program calls what a source defines; bindings need Node. */
function isOf(program: Program, { path }: Unit): boolean {
  const isShared = path.endsWith('instructions.c');
  return isShared || (path.includes(`/${program}/native/`) && !path.endsWith('binding.c'));
}
