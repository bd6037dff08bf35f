/** Evaluates a user's module: TypeScript or JavaScript, ES module or CommonJS, wherever it lies. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative } from 'node:path';
import { readFileNamed } from '../../../shared/files.js';
import * as lopt from '../public.js';
import { callModule } from './fault.js';
import { watchImports, watchModule } from './stray.js';

export interface EvaluatedModule {
  /** The default export, or `module.exports`; undefined if there is none. */
  exported: unknown;
  /**
   * sha256 of the file, under '', and of the local files that it imports while it loads, by path relative to its
   * folder.
   */
  hashes: Readonly<Record<string, string>>;
}

/** The folder of the package that a file under node_modules belongs to. */
const PACKAGE = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+[\\/]/;

/**
 * Evaluates the file and the local files that it imports, anew at every call; packages are shared. `lopt/problem` is
 * this installation, so that there is only one copy of it. Throws FileError.
 *
 * @param path absolute
 */
export async function evaluateModule(path: string): Promise<EvaluatedModule> {
  const source = readFileNamed(path, 'a problem module');
  watchModule(path);
  const { createJiti } = await import('jiti');
  const compiler = createJiti(import.meta.url, { fsCache: false });
  compiler.transform({ source: '' }); // load the compiler now: its files are not the module's
  const jiti = createJiti(import.meta.url, {
    fsCache: false,
    // imports are plain objects: a proxy, or Node's own namespace object, costs every call of `log` up to 200 ns
    virtualModules: { 'lopt/problem': { ...lopt } },
    interopDefault: false,
    transform: (options) => ({ code: compiler.transform({ ...options, interopDefault: true }) }),
  });
  const { cache } = createRequire(import.meta.url);
  const before = new Set(Object.keys(cache));
  const isLocal = (file: string) => !before.has(file) && PACKAGE.exec(file)?.[0] === PACKAGE.exec(path)?.[0];
  let files: string[];
  let namespace: unknown;
  try {
    // not asynchronous: Node would then load by itself the imports that it can, and they would be missing from the list
    // of files
    const options = { id: path, filename: path, async: false, forceTranspile: true };
    namespace = callModule(path, 'it must load', () => jiti.evalModule(source.toString('utf8'), options));
  } finally {
    files = Object.keys(cache).filter(isLocal);
    for (const file of files) delete cache[file];
    watchImports(path, files);
  }
  return { exported: defaultOf(namespace), hashes: hashesOf(path, source, files) };
}

/** An ES module's default export; all that a CommonJS module exports. */
function defaultOf(namespace: unknown): unknown {
  const { __esModule, default: exported } = Object(namespace) as { __esModule?: unknown; default?: unknown };
  return __esModule ? exported : namespace;
}

function hashesOf(path: string, source: Buffer, files: readonly string[]): Record<string, string> {
  const imported = files.filter((file) => file !== path).sort();
  return Object.fromEntries([
    ['', sha256(source)],
    ...imported.map((file) => [relative(dirname(path), file), sha256(readFileSync(file))] as const),
  ]);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
