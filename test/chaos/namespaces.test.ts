/** A partition as a network makes it: a worker in a network namespace of its own, and its link taken down. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findNatsServer } from '../../deploy/cluster/nats-server.js';
import { CLI, sha256OfFile, wordsOf } from '../e2e/harness.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { until } from '../fixtures/until.js';
import { Actor } from './actor.js';
import { CHAOS_FLAGS, lastRow } from './stage.js';
import { rowsOf, trainUndisturbed } from './undisturbed.js';

/** More than the run comes to: it is stopped once the network is whole again. */
const ROUNDS = 100_000;
const SHARDS = 5;

const [HUB, FAR] = [`lopt-hub-${process.pid}`, `lopt-far-${process.pid}`];
/** Names of links have at most 15 characters. */
const [HUB_LINK, FAR_LINK] = [`lh${process.pid}`, `lf${process.pid}`];
const HUB_ADDRESS = '10.213.77.1';
const FAR_ADDRESS = '10.213.77.2';

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Why the test is skipped; false where it is not. */
function without(): string | false {
  if (findNatsServer() === undefined) return 'needs nats-server';
  if (process.getuid?.() !== 0) return 'needs root, to make network namespaces';
  if (spawnSync('ip', ['-V']).status !== 0) return 'needs ip, of iproute2';
  const probe = `lopt-probe-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return 'needs the right to make network namespaces';
  ip('netns', 'delete', probe);
  return false;
}

/** Two namespaces with a link between them; they are gone when the test ends. */
function makeNetwork(test: TestContext): void {
  test.after(() => {
    for (const name of [HUB, FAR]) spawnSync('ip', ['netns', 'delete', name]);
  });
  for (const name of [HUB, FAR]) {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  ip('link', 'add', HUB_LINK, 'netns', HUB, 'type', 'veth', 'peer', 'name', FAR_LINK, 'netns', FAR);
  for (const [name, link, address] of [
    [HUB, HUB_LINK, HUB_ADDRESS],
    [FAR, FAR_LINK, FAR_ADDRESS],
  ] as const) {
    ip('-n', name, 'address', 'add', `${address}/24`, 'dev', link);
    ip('-n', name, 'link', 'set', link, 'up');
  }
}

describe('a run whose worker is cut off by the network', { skip: without(), timeout: 300_000 }, () => {
  it('goes on without it, takes it back, and ends with the bits of the undisturbed one', async (test) => {
    const folder = temporaryFolder(test);
    makeNetwork(test);
    const url = `nats://${HUB_ADDRESS}:4222`;
    const within = (namespace: string, name: string, program: readonly string[], words: readonly string[]) => {
      const actor = new Actor({
        name,
        program: ['ip', 'netns', 'exec', namespace, ...program],
        args: () => words,
        log: join(folder, `${name}.log`),
      });
      test.after(() => actor.kill());
      return actor;
    };
    const node = [process.execPath, CLI];
    const store = ['-js', '-sd', join(folder, 'store')];
    const server = within(HUB, 'server', [findNatsServer()!], [...store, '-a', HUB_ADDRESS, '-p', '4222']);
    const workers = [
      [HUB, 'near'],
      [FAR, 'far'],
    ].map(([namespace, name]) =>
      within(namespace!, name!, node, ['worker', '--threads', '1', '--name', name!, '--nats', url]),
    );
    const out = join(folder, 'run');
    const flags = wordsOf({ ...CHAOS_FLAGS, shards: SHARDS, rounds: ROUNDS });
    const where = ['--out', out, '--nats', url];
    const coordinator = within(HUB, 'coordinator', node, ['coordinator', 'quadratic', ...flags, ...where]);
    const everybody = [coordinator, ...workers, server];
    const isWorkedOnBy = (count: number) =>
      until(() => {
        for (const { alive, name, output } of everybody) assert.ok(alive, `${name} has ended: ${output}`);
        return lastRow(out)?.workers === count;
      });

    await isWorkedOnBy(2);
    ip('-n', FAR, 'link', 'set', FAR_LINK, 'down');
    await isWorkedOnBy(1);
    assert.match(coordinator.output, /Worker far is silent: its shards go to others/);
    ip('-n', FAR, 'link', 'set', FAR_LINK, 'up');
    await isWorkedOnBy(2);

    coordinator.signal('SIGINT');
    assert.deepEqual(await coordinator.ended, { code: 130, signal: null });
    for (const worker of workers) assert.deepEqual(await worker.end(60_000), { code: 0, signal: null });
    await server.end(60_000);
    const rows = rowsOf(out);
    const expected = await trainUndisturbed(join(folder, 'undisturbed'), SHARDS, ROUNDS, rows.length);
    assert.deepEqual(rows, expected.rows);
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected.hash);
  });
});
