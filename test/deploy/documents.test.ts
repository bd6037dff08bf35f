import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { Command } from '../../deploy/commands/command.js';
import { flagNames } from '../../deploy/commands/flags.js';
import { ROOT } from '../fixtures/application.js';
import {
  anchorsOf,
  blocksOf,
  codeIn,
  type Document,
  documents,
  fileNameOf,
  isIgnored,
  linksOf,
} from '../fixtures/documents.js';

const DOCUMENTS = documents();
const README = DOCUMENTS.find(({ path }) => path === 'README.md')!;

/** Languages of blocks: what a test runs, what it saves first, what takes a cluster or an hour, and what programs print. */
const LANGUAGES = ['sh', 'ts', 'js', 'yaml', 'console', ''];

/**
 * Paths of the project among the text in backticks: what begins with a folder of the root or beside the document, and names
 * of TypeScript files. NAME and * stand for any name.
 */
function pathsIn(document: Document): string[] {
  const saved = new Set(blocksOf(document).map(fileNameOf));
  return codeIn(document).flatMap((code) => {
    if (!/^[\w.@*-]+(?:\/[\w.@*-]+)*\/?$/.test(code) || saved.has(code)) return [];
    const parts = code.split('/');
    const isPath = parts.length > 1 || code.endsWith('.ts');
    const homes = [dirname(document.path), '.'];
    const home = homes.find((folder) => existsSync(join(ROOT, folder, parts[0]!)));
    if (!isPath || (home === undefined && !code.endsWith('.ts'))) return [];
    const any = parts.findIndex((part) => /NAME|\*/.test(part));
    const known = any < 0 ? parts : parts.slice(0, any);
    return known.length > 0 ? [join(home ?? '.', ...known)] : [];
  });
}

/** Every command of `lopt` by its name. */
async function commands(): Promise<Map<string, Command>> {
  const folder = new URL('../../deploy/commands/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const modules = await Promise.all(files.map((name) => import(new URL(name, folder).href) as Promise<object>));
  const all = modules.flatMap((module) => Object.values(module) as Partial<Command>[]);
  return new Map(all.flatMap((each) => (each?.usage ? [[each.name!, each as Command] as const] : [])));
}

function flagsOf(command: Command): string[] {
  return [...flagNames(command), 'help'];
}

/** The commands of `lopt` that a document gives, as words: in blocks that are run or shown, and in backticks. */
function invocationsIn(document: Document): string[][] {
  const lines = blocksOf(document)
    .filter(({ language }) => language === 'sh' || language === 'console')
    .flatMap(({ code }) => code.split('\n').flatMap((line) => line.replace(/\s#.*/, '').split('&&')));
  return [...lines, ...codeIn(document)]
    .map((line) => line.trim().replace(/^npx /, '').split(/\s+/))
    .filter(([program, command]) => program === 'lopt' && command !== undefined && !/^[A-Z-]/.test(command));
}

/** The names of the flags among words, but for a problem's own. */
function flagsAmong(words: readonly string[]): string[] {
  const names = words.flatMap((word) => /^--([a-z][a-z.-]*)/.exec(word)?.[1] ?? []);
  return names.filter((name) => !name.startsWith('problem.'));
}

describe('the Markdown documents', () => {
  let known: Map<string, Command>;

  before(async () => {
    known = await commands();
  });

  for (const document of DOCUMENTS) {
    it(`${document.path} links only to what is there`, () => {
      for (const { path, anchor } of linksOf(document)) {
        assert.ok(existsSync(join(ROOT, path)), `there is no ${path}`);
        if (anchor === undefined) continue;
        const target = DOCUMENTS.find((each) => each.path === path);
        assert.ok(target && anchorsOf(target).has(anchor), `${path} has no heading #${anchor}`);
      }
    });

    it(`${document.path} names only paths that there are`, () => {
      for (const path of pathsIn(document)) {
        assert.ok(isIgnored(path) || existsSync(join(ROOT, path)), `there is no ${path}`);
      }
    });

    it(`${document.path} gives only commands and flags that there are`, () => {
      for (const words of invocationsIn(document)) {
        const command = known.get(words[1]!);
        assert.ok(command, `there is no command: ${words.join(' ')}`);
        for (const flag of flagsAmong(words)) {
          assert.ok(flagsOf(command).includes(flag), `lopt ${command.name} has no --${flag}`);
        }
      }
      const all = new Set([...known.values()].flatMap(flagsOf));
      for (const flag of flagsAmong(codeIn(document))) assert.ok(all.has(flag), `no command has --${flag}`);
      const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
      for (const [, script] of document.text.matchAll(/\bnpm run ([\w:-]+)/g)) {
        assert.ok(Object.hasOwn(scripts, script!), `there is no npm run ${script}`);
      }
    });

    it(`${document.path} has only blocks of code that can be tested`, () => {
      for (const block of blocksOf(document)) {
        assert.ok(LANGUAGES.includes(block.language), `a block of "${block.language}"`);
        if (['ts', 'js', 'yaml'].includes(block.language)) assert.ok(fileNameOf(block), block.code);
      }
    });
  }

  it('are each reached by links from README.md', () => {
    const reached = new Set(['README.md']);
    for (const path of reached) {
      const document = DOCUMENTS.find((each) => each.path === path);
      for (const link of document ? linksOf(document) : []) reached.add(link.path);
    }
    const missed = DOCUMENTS.filter(({ path }) => !path.startsWith('.') && !reached.has(path));
    assert.deepEqual(
      missed.map(({ path }) => path),
      [],
    );
  });
});

describe('README.md', () => {
  it('has at most 200 lines', () => {
    assert.ok(README.text.trimEnd().split('\n').length <= 200);
  });

  it('lists every command, as it is used', async () => {
    const listed = codeIn(README);
    for (const { usage } of (await commands()).values()) assert.ok(listed.includes(`lopt ${usage}`), usage);
  });
});
