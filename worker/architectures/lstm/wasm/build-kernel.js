/**
 * Compiles the kernel, with relaxed SIMD and without, into dist/worker/architectures/lstm/wasm/kernel-bytes.js. As ten
 * kilobytes of text in a module it loads the same way in Node, in browsers and from any bundler, and without waiting.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const folder = `${root}/dist/worker/architectures/lstm/wasm`;

/** Compiles one target of assembly/asconfig.json; returns the module in base64. */
async function compile(target) {
  let module = '';
  const config = 'worker/architectures/lstm/wasm/assembly/asconfig.json';
  const { error, stderr } = await asc.main(['--config', config, '--baseDir', root, '--target', target], {
    writeFile(_name, contents) {
      module = Buffer.from(contents).toString('base64');
    },
  });
  if (error) throw new Error(`Cannot compile the kernel: ${error.message}\n${stderr}`);
  return module;
}

const lines = [];
for (const target of ['relaxed', 'strict']) {
  lines.push(`export const ${target.toUpperCase()} = '${await compile(target)}';\n`);
}
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/kernel-bytes.js`, lines.join(''));
