/**
 * Compiles the native kernels into dist/worker/devices/native/prebuilds, if there is a C compiler; without one, or if it
 * fails, says so in a sentence: the wasm engine computes the same bits. Does nothing if the sources have not changed.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folders = [
  'worker/devices/native',
  'worker/architectures/lstm/native',
  'worker/architectures/mlp/native',
  'worker/baselines/native',
  'worker/problems/native',
];
const CPU = `${process.platform}-${process.arch}`;
const target = join(root, 'dist/worker/devices/native/prebuilds', CPU);

/** Instruction sets by architecture: the lanes of a register, and the compiler's options. */
export const INSTRUCTION_SETS = {
  x64: {
    avx512: [16, '-mavx2 -mfma -mbmi2 -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl'],
    avx2: [8, '-mavx2 -mfma -mbmi2'],
  },
  arm64: { neon: [4, ''] },
};

/** No contraction or reassociation but what is written: the bits are those of the wasm kernel. */
export const FLAGS = [
  '-std=gnu11',
  '-O3',
  '-ffp-contract=off',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fPIC',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
];

/** The sources: files whose name ends in `passes.c` are compiled once for each instruction set. */
export function sources() {
  const found = folders
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return found.filter((path) => /\.[ch]$/.test(path)).sort();
}

/** Fused and strict; files that end in `_passes.c` fuse nothing, and their bits are those of both. */
function arithmetics(path) {
  return path.endsWith('_passes.c') ? [0] : [0, 1];
}

/** How each object is made: its source, and the options that it needs beside FLAGS. */
export function units(arch = process.arch) {
  return sources()
    .filter((path) => path.endsWith('.c'))
    .flatMap((path) => {
      if (!path.endsWith('passes.c')) return [{ path, options: [] }];
      return Object.entries(INSTRUCTION_SETS[arch]).flatMap(([set, [lanes, options]]) =>
        arithmetics(path).map((strict) => {
          const name = strict ? `${set}_strict` : set;
          const defines = [`-DLOPT_LANES=${lanes}`, `-DLOPT_STRICT=${strict}`, `-DLOPT_SUFFIX=${name}`];
          return { path, options: [...defines, ...options.split(' ').filter(Boolean)] };
        }),
      );
    });
}

/** The compiler: CC, or the first of the usual ones that runs. */
export function compiler() {
  const candidates = process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang'];
  return candidates.find((name) => {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** Compiles units beside one another into a folder, with options after FLAGS; returns the paths of the objects. */
export async function compile(cc, units, folder, options = []) {
  const run = promisify(execFile);
  const compiled = await Promise.allSettled(
    units.map(async (unit, i) => {
      const object = join(folder, `${i}.o`);
      await run(cc, [...FLAGS, ...options, ...unit.options, '-c', unit.path, '-o', object]);
      return object;
    }),
  );
  // after all have ended: the folder may be removed then
  for (const { status, reason } of compiled) if (status === 'rejected') throw reason;
  return compiled.map(({ value }) => value);
}

function skipped(why) {
  console.log(`The native kernels are not built: ${why}. The wasm engine computes the same bits.`);
}

async function build() {
  if (!INSTRUCTION_SETS[process.arch] || process.platform === 'win32') return;
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
  const hash = createHash('sha256');
  for (const path of [fileURLToPath(import.meta.url), ...sources()]) hash.update(readFileSync(path));
  const digest = hash.digest('hex');
  const stamp = join(target, 'sources.sha256');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  // what was built from other sources must not compute
  rmSync(target, { recursive: true, force: true });
  const cc = compiler();
  if (!cc && process.env.CC) return skipped(`CC must name a C compiler that runs, got "${process.env.CC}"`);
  if (!cc) return skipped('there must be a C compiler (cc, gcc or clang), and none was found');

  const work = mkdtempSync(join(tmpdir(), 'lopt-native-'));
  try {
    const objects = await compile(cc, units(), work, [`-I${headers}`]);
    const file = join(work, 'lopt.node');
    const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
    await promisify(execFile)(cc, [...link, ...objects, '-o', file, '-lm']);
    mkdirSync(target, { recursive: true });
    // node-gyp-build looks for the C library that it was linked with
    const libc =
      process.platform === 'linux' ? (process.report.getReport().header.glibcVersionRuntime ? '.glibc' : '.musl') : '';
    const place = join(target, `lopt.napi${libc}.node`);
    // beside it first: a process may have it open, and a rename does not disturb that
    writeFileSync(`${place}.new`, readFileSync(file));
    renameSync(`${place}.new`, place);
    writeFileSync(stamp, digest);
  } catch (error) {
    const lines = String(error.stderr || error.message)
      .trim()
      .split('\n');
    const reason = lines.find((line) => line.includes('error')) ?? lines[0];
    skipped(`${cc} must compile them, and said "${reason}"`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
