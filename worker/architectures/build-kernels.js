/**
 * Compiles the kernels in WebAssembly, with relaxed SIMD and without, each into kernel-bytes.js in its folder under dist.
 * As ten kilobytes of text in a module it loads the same way in Node, in browsers and from any bundler, and without waiting.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Compiles one target of a folder's assembly/asconfig.json; returns the module in base64. */
async function compile(folder, target) {
  let module = '';
  const config = `${folder}/assembly/asconfig.json`;
  const { error, stderr } = await asc.main(['--config', config, '--baseDir', root, '--target', target], {
    writeFile(_name, contents) {
      module = Buffer.from(contents).toString('base64');
    },
  });
  if (error) throw new Error(`Cannot compile the kernel in ${folder}: ${error.message}\n${stderr}`);
  return module;
}

for (const folder of ['worker/architectures/lstm/wasm', 'worker/architectures/mlp/wasm']) {
  const lines = [];
  for (const target of ['relaxed', 'strict']) {
    lines.push(`export const ${target.toUpperCase()} = '${await compile(folder, target)}';\n`);
  }
  mkdirSync(`${root}/dist/${folder}`, { recursive: true });
  writeFileSync(`${root}/dist/${folder}/kernel-bytes.js`, lines.join(''));
}
