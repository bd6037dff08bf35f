/** Resuming a run whose journal is not where the command looks, or is lost: no round goes with it, and no file in silence. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { startServer, type TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import {
  CLI,
  lopt,
  reaches,
  reportedIn,
  SMALL_FLAGS,
  sha256OfFile,
  startProcess,
  trainSmall,
  upTo,
  wordsOf,
} from './harness.js';

const ROUNDS = 200;
const COORDINATOR = ['coordinator', 'quadratic', ...wordsOf(SMALL_FLAGS), '--run', 'r'];

/** A process that is gone when the test ends. */
function start(test: TestContext, words: readonly string[]): ReturnType<typeof startProcess> {
  const started = startProcess([CLI, ...words]);
  test.after(async () => {
    started.child.kill('SIGKILL');
    await started.ended;
  });
  return started;
}

function startWorker(test: TestContext, server: TestServer): ReturnType<typeof startProcess> {
  return start(test, ['worker', '--threads', '1', '--nats', server.url]);
}

/** Ends the server, and starts it again with an empty store. */
async function wipe(server: TestServer): Promise<void> {
  await server.kill();
  rmSync(join(server.store, 'jetstream'), { recursive: true });
  await server.start();
}

/** The hash of every file in a run's folder, by its path. */
function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name !== 'lock' && statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.sort().map((name) => [name, sha256OfFile(join(folder, name))]));
}

/** Has a run led until it is past a round, ends its coordinator, and takes the worker away. */
async function leadTo(
  test: TestContext,
  server: TestServer,
  out: string,
  { round, end = 'SIGKILL' }: { round: number; end?: 'SIGKILL' | 'SIGINT' },
): Promise<void> {
  const worker = startWorker(test, server);
  const where = ['--out', out, '--nats', server.url, '--checkpoint-seconds', '0.2'];
  const led = start(test, [...COORDINATOR, '--rounds', String(ROUNDS), ...where]);
  await reaches(led.child, join(out, 'metrics.jsonl'), round);
  led.child.kill(end);
  const { code, signal, stderr } = await led.ended;
  assert.deepEqual([code, signal], end === 'SIGKILL' ? [null, end] : [130, null], stderr);
  worker.child.kill('SIGKILL');
  await worker.ended;
}

describe('a run whose journal was on a server', { skip: WITHOUT_NATS, timeout: 300_000 }, () => {
  let expected = '';

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder, { goal: { rounds: ROUNDS } }));
  });

  function assertWhole(out: string, last = ROUNDS): void {
    assert.deepEqual(reportedIn(out).metrics.rounds, upTo(last));
    assert.deepEqual(reportedIn(out).events.rounds, upTo(last));
  }

  it('goes on in lopt train and in lopt coordinator again, from what the folder has of it', async (test) => {
    const server = await startServer(test);
    const out = join(temporaryFolder(test), 'run');
    startWorker(test, server);
    const where = ['--out', out, '--nats', server.url];
    const led = await lopt([...COORDINATOR, '--rounds', '40', ...where]);
    assert.equal(led.code, 0, led.stderr);
    const trained = await lopt(['train', '--resume', '--rounds', '70', '--out', out]);
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stdout, /^Resuming after round 40\.$/m);
    assertWhole(out, 70);
    // the name on the server is that of before, and not the folder's
    const again = await lopt(['coordinator', '--resume', '--rounds', '90', ...where]);
    assert.equal(again.code, 0, again.stderr);
    const sentence = `Resuming run r from the copy in ${out}, up to round 70: NATS at .* holds its journal up to round 40`;
    assert.match(again.stdout, new RegExp(`^${sentence}$`, 'm'));
    assertWhole(out, 90);
    const undisturbed = await withFolder(async (folder) => {
      for (const rounds of [40, 70]) await trainSmall(folder, { goal: { rounds } });
      return trainSmall(folder, { goal: { rounds: 90 } });
    });
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), undisturbed);
  });

  it('goes on after lopt stop --delete, with the bits of a run that nothing was taken from', async (test) => {
    const server = await startServer(test);
    const out = join(temporaryFolder(test), 'run');
    await leadTo(test, server, out, { round: 60, end: 'SIGINT' });
    const deleted = await lopt(['stop', 'r', '--delete', '--nats', server.url]);
    assert.equal(deleted.code, 0, deleted.stderr);
    startWorker(test, server);
    const { code, stdout, stderr } = await lopt(['coordinator', '--resume', '--out', out, '--nats', server.url]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Resuming run r from the copy in .*, up to round \d+: NATS at .* holds no journal of it$/m);
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    assertWhole(out);
  });

  it('goes on after the server’s store was wiped, with the same bits, again and again', async (test) => {
    const server = await startServer(test);
    const out = join(temporaryFolder(test), 'run');
    await leadTo(test, server, out, { round: 50 });
    for (const round of [100, 150]) {
      await wipe(server);
      const worker = startWorker(test, server);
      const words = ['coordinator', '--resume', '--out', out, '--nats', server.url];
      const led = start(test, words);
      await reaches(led.child, join(out, 'metrics.jsonl'), round);
      led.child.kill('SIGKILL');
      const { stdout } = await led.ended;
      const found = /, up to round (\d+): NATS/.exec(stdout)?.[1];
      // a round is reported while its record is on the way
      assert.ok(Number(found) >= round - 51, stdout);
      worker.child.kill('SIGKILL');
      await worker.ended;
    }
    startWorker(test, server);
    const { code, stdout, stderr } = await lopt(['coordinator', '--resume', '--out', out, '--nats', server.url]);
    assert.equal(code, 0, stderr);
    // nothing was lost this time
    assert.doesNotMatch(stdout, /from the copy/);
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    assertWhole(out);
  });

  it('is refused if the folder has no copy either, with nothing changed; --from-round 0 begins it again', async (test) => {
    const server = await startServer(test);
    const out = join(temporaryFolder(test), 'run');
    await leadTo(test, server, out, { round: 60 });
    const rows = readFileSync(join(out, 'metrics.jsonl'), 'utf8');
    const phi = sha256OfFile(join(out, 'last.safetensors'));
    rmSync(join(out, 'journal'), { recursive: true });
    await wipe(server);
    const files = filesIn(out);
    const { round } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { round: number };
    const reached = rows
      .match(/"round":(\d+)/g)!
      .at(-1)!
      .slice('"round":'.length);
    assert.ok(round > 0 && round <= Number(reached), `${round}`);
    const resume = `lopt coordinator --resume --out ${out} --run r`;
    const again = '--from-round 0, or begin anew in another folder';
    const led = await lopt(['coordinator', '--resume', '--out', out, '--nats', server.url]);
    assert.deepEqual(
      [led.code, led.stderr],
      [
        1,
        `Cannot resume ${out}: it got to round ${reached}, but its journal, both as run r on NATS at ${server.url} and in ${out}/journal, is empty; restore one of them, compute the rounds again with ${again}\n`,
      ],
    );
    assert.deepEqual(filesIn(out), files);
    const trained = await lopt(['train', '--resume', '--rounds', '300', '--out', out]);
    assert.deepEqual(
      [trained.code, trained.stderr],
      [
        1,
        `Cannot resume ${out}: it got to round ${reached}, but its journal in ${out}/journal is empty; go on with ${resume}, restore it, compute the rounds again with ${again}\n`,
      ],
    );
    assert.deepEqual(filesIn(out), files);
    const anew = await lopt(['train', '--resume', '--from-round', '0', '--out', out]);
    assert.equal(anew.code, 0, anew.stderr);
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    assertWhole(out);
    // what it replaced is kept
    const kept = readFileSync(join(out, 'previous', 'metrics.jsonl'), 'utf8');
    assert.ok(rows.endsWith(kept) && kept.includes('"round":1,') && kept.includes(`"round":${reached},`), kept);
    assert.equal(sha256OfFile(join(out, 'previous', 'last.safetensors')), phi);
    assert.ok(existsSync(join(out, 'previous', 'events.bin')));
    const checkpoints = Object.keys(files).filter((name) => name.startsWith('checkpoints/'));
    assert.deepEqual(
      readdirSync(join(out, 'previous', 'checkpoints')).sort(),
      checkpoints.map((name) => name.slice('checkpoints/'.length)),
    );
  });

  it('goes on in lopt up --resume with the server’s folder deleted', async (test) => {
    const out = join(temporaryFolder(test), 'run');
    const words = ['up', '--workers', '1', '--threads', '1', '--out', out];
    const first = start(test, [...words, 'quadratic', ...wordsOf(SMALL_FLAGS), '--rounds', String(ROUNDS)]);
    await reaches(first.child, join(out, 'metrics.jsonl'), 60);
    first.child.kill('SIGINT');
    const stopped = await first.ended;
    assert.equal(stopped.code, 130, stopped.stdout + stopped.stderr);
    rmSync(join(out, 'nats'), { recursive: true });
    const { code, stdout, stderr } = await start(test, [...words, '--resume']).ended;
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^Resuming run run from the copy in .*: NATS at .* holds no journal of it$/m);
    assert.equal(sha256OfFile(join(out, 'last.safetensors')), expected);
    assertWhole(out);
  });
});
