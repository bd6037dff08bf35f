/** The native kernels with random networks and windows, in arrays of exactly their sizes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { nativeFault } from '../../worker/devices/native/load.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { buildFuzz, findCompiler, runFuzz, runSanitized, SHAPES, sanitizerFault } from './fuzz.js';

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

it(`the native kernels touch nothing beside their arrays: ${SHAPES} random shapes under sanitizers`, async (test) => {
  const reason = missing ?? (await sanitizerFault(compiler));
  if (reason) return test.skip(reason);
  const hashes = await runSanitized(compiler, SHAPES);
  assert.deepEqual(Object.keys(hashes), ['fused', 'strict']);
  assert.notEqual(hashes['fused'], hashes['strict']);
});

it('the native kernels compute the same bits on arm64', { skip: missing ?? crossFault() }, async (test) => {
  const shapes = 200;
  const own = await buildFuzz({ compiler: compiler, arch: process.arch, options: [] }, temporaryFolder(test));
  const other = await buildFuzz(CROSS, temporaryFolder(test));
  const hashes = await runFuzz([own], shapes);
  assert.deepEqual(Object.keys(hashes), ['fused', 'strict']);
  assert.deepEqual(await runFuzz([EMULATOR, other], shapes), hashes);
});
