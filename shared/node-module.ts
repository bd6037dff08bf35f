/** Node's built-in modules, for code that browsers load too. */

/** The modules that may be asked for. */
interface NodeModules {
  'node:fs/promises': typeof import('node:fs/promises');
  'node:v8': typeof import('node:v8');
}

/** A module of Node, or undefined elsewhere: an `import` of one would fail in browsers and most bundlers. */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  return process?.getBuiltinModule?.(name) as NodeModules[Name] | undefined;
}
