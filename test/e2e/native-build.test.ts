/** build.js in a copy of the sources that it compiles, with compilers that are there, missing or broken. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ROOT } from '../fixtures/application.js';
import { temporaryFolder } from '../fixtures/folder.js';

const SOURCES = ['worker/devices/native', 'worker/architectures/lstm/native'];
const PREBUILDS = `dist/worker/devices/native/prebuilds/${process.platform}-${process.arch}`;
const WASM = 'The wasm engine computes the same bits.\n';

const supported = ['x64', 'arm64'].includes(process.arch) && process.platform !== 'win32';
const skip = supported ? undefined : `there are no native kernels for ${process.platform}-${process.arch}`;

/** A clone, as far as build.js is concerned, with a folder for programs that is all of its PATH. */
function clone(context: TestContext) {
  const folder = temporaryFolder(context);
  for (const path of SOURCES) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  const build = (environment: NodeJS.ProcessEnv = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, SOURCES[0]!, 'build.js')], {
      env: { PATH: programs, ...environment },
      encoding: 'utf8',
    });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout;
  };
  /** Adds a compiler that notes each call, writes what it is asked for, and does `more`. */
  const addCompiler = (name: string, more = ':') => {
    const script = `#!/bin/sh
echo "$*" >> '${folder}/calls'
[ "$1" = --version ] && exit 0
${more}
while [ $# -gt 1 ]; do [ "$1" = -o ] && echo built > "$2"; shift; done
`;
    mkdirSync(dirname(join(programs, name)), { recursive: true });
    writeFileSync(join(programs, name), script);
    chmodSync(join(programs, name), 0o755);
  };
  const calls = () =>
    existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').split('\n') : [];
  return { folder, build, addCompiler, calls, prebuilds: join(folder, PREBUILDS) };
}

test('build.js says in a sentence that there is no compiler, and removes what other sources gave', {
  skip,
}, (context) => {
  const { build, prebuilds } = clone(context);
  mkdirSync(prebuilds, { recursive: true });
  const expected = 'there must be a C compiler (cc, gcc or clang), and none was found';
  assert.equal(build(), `The native kernels are not built: ${expected}. ${WASM}`);
  assert.ok(!existsSync(prebuilds));
});

test('build.js says in a sentence what a compiler that fails said', { skip }, (context) => {
  const { build, addCompiler, prebuilds } = clone(context);
  addCompiler('false', 'exit 1');
  addCompiler('cc', 'echo "In function f:" >&2; echo "f.c:1: error: no such register" >&2; exit 1');
  const said = 'cc must compile them, and said "f.c:1: error: no such register"';
  assert.equal(build(), `The native kernels are not built: ${said}. ${WASM}`);
  const named = 'CC must name a C compiler that runs, got "nowhere"';
  assert.equal(build({ CC: 'nowhere' }), `The native kernels are not built: ${named}. ${WASM}`);
  assert.match(
    build({ CC: 'false' }),
    /^The native kernels are not built: false must compile them, and said "[^\n]*"\. The wasm/,
  );
  assert.ok(!existsSync(prebuilds));
});

test('build.js is quiet if there is a compiler, and does nothing until the sources change', { skip }, (context) => {
  const { folder, build, addCompiler, calls, prebuilds } = clone(context);
  addCompiler('gcc');
  assert.equal(build(), '');
  const first = calls().length;
  assert.ok(first > 5);
  const libc = process.platform !== 'linux' ? '' : existsSync('/etc/alpine-release') ? '.musl' : '.glibc';
  assert.equal(readFileSync(join(prebuilds, `lopt.napi${libc}.node`), 'utf8'), 'built\n');
  assert.equal(build(), '');
  rmSync(join(folder, 'programs'), { recursive: true });
  assert.equal(build(), '');
  assert.equal(calls().length, first);
  addCompiler('clang');
  writeFileSync(join(folder, SOURCES[1]!, 'lstm.h'), '\n', { flag: 'a' });
  assert.equal(build(), '');
  assert.ok(calls().length > first);
});
