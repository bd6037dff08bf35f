/** The native kernels with random networks and values, in arrays of exactly their sizes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { nativeFault } from '../../worker/devices/native/load.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { buildFuzz, findCompiler, PROGRAMS, runFuzz, runSanitized, SHAPES, sanitizerFault } from './fuzz.js';

const { compiler, fault } = findCompiler();
const missing = fault ?? nativeFault();

/** Options for a program that needs nothing of the machine that it is for. */
const STATIC = ['-static'];
const CROSS = { compiler: 'aarch64-linux-gnu-gcc', arch: 'arm64', options: STATIC };
const EMULATOR = 'qemu-aarch64';

/** Why programs for arm64 cannot be made and run here. */
function crossFault(): string | undefined {
  const programs = [CROSS.compiler, EMULATOR];
  if (programs.every((program) => spawnSync(program, ['--version']).status === 0)) return undefined;
  return 'needs aarch64-linux-gnu-gcc and qemu-aarch64 (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)';
}

for (const program of PROGRAMS) {
  describe(`the native kernels of ${program}`, () => {
    it(`touch nothing beside their arrays: ${SHAPES} random shapes under sanitizers`, async (test) => {
      const reason = missing ?? (await sanitizerFault(compiler));
      if (reason) return test.skip(reason);
      const hashes = await runSanitized(program, compiler, SHAPES);
      assert.deepEqual(Object.keys(hashes), ['fused', 'strict']);
      assert.notEqual(hashes['fused'], hashes['strict']);
    });

    it('compute the same bits on arm64', { skip: missing ?? crossFault() }, async (test) => {
      const shapes = 200;
      const own = { compiler, arch: process.arch, options: [] };
      const hashes = await runFuzz([await buildFuzz(program, own, temporaryFolder(test))], shapes);
      const other = await buildFuzz(program, CROSS, temporaryFolder(test));
      assert.deepEqual(Object.keys(hashes), ['fused', 'strict']);
      assert.deepEqual(await runFuzz([EMULATOR, other], shapes), hashes);
    });
  });
}
