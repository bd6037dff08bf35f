/** A built checkout of lopt: of a commit, in a temporary worktree, or one that is there already. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT } from '../fixtures/application.js';

/** A checkout that can train. */
export interface Checkout {
  /** As it was named: a commit, or a folder. */
  name: string;
  /** The file that Node runs for `lopt`. */
  cli: string;
}

/**
 * Finds the build in a folder, or checks a commit out below `parent` and builds it. Throws an Error that says what the name
 * must be, or how a command failed.
 */
export function checkOut(name: string, parent: string): Checkout {
  if (existsSync(join(name, 'package.json'))) return { name, cli: cliOf(resolve(name)) };
  const { status, stdout } = git('rev-parse', '--verify', '--quiet', `${name}^{commit}`);
  if (status !== 0) throw new Error(`Cannot compare "${name}": it must be a commit, or the folder of a built checkout`);
  const commit = stdout.trim();
  const folder = join(parent, commit);
  // the same commit by two names is built once, and compares two runs of it
  if (!existsSync(folder)) {
    demand(ROOT, 'git', 'worktree', 'add', '--quiet', '--detach', folder, commit);
    installPackages(folder);
    demand(folder, 'npm', 'run', '--silent', 'build');
  }
  return { name, cli: cliOf(folder) };
}

/** Takes the worktrees below `parent` away, with the entries that git keeps of them. */
export function removeCheckouts(parent: string): void {
  rmSync(parent, { recursive: true, force: true });
  git('worktree', 'prune');
}

/** The packages of this checkout serve a commit that locks the same ones. */
function installPackages(folder: string): void {
  const lock = (of: string) => readFileSync(join(of, 'package-lock.json'), 'utf8');
  if (lock(folder) === lock(ROOT)) symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(folder, 'node_modules'));
  else demand(folder, 'npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts');
}

/** What the manifest names as `lopt`, which must have been built. */
function cliOf(folder: string): string {
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin?: { lopt?: string } };
  const cli = join(folder, bin?.lopt ?? 'dist/deploy/cli.js');
  if (existsSync(cli)) return cli;
  throw new Error(`Cannot compare ${folder}: it must be built, and there is no ${cli}`);
}

function git(...args: string[]): { status: number | null; stdout: string } {
  return spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
}

function demand(cwd: string, command: string, ...args: string[]): void {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`Cannot check out: ${command} ${args.join(' ')} failed\n${stdout}${stderr}`);
}
