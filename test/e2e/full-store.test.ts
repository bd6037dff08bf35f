/** A nats-server whose store is on a full disk: 2.9 locks itself up then, and answers nothing that concerns the store. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../fixtures/folder.js';
import { startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { SmallDisk } from '../fixtures/small-disk.js';
import { until } from '../fixtures/until.js';
import { CLI, lopt, reaches, sha256OfFile, startProcess } from './harness.js';

/** Each round takes 40 KB in the journal. */
const RUN = ['quadratic', '--shards', '2', '--problems', '2', '--evaluate-functions', '8', '--rounds', '150'];
const LOOK_AT_IT =
  /NATS at .* has not answered for \d+ s \(.*\); look at its log, and whether the disk of its store is full\n/;

test('a full store is told with its cause, SIGTERM ends all, and the run goes on to the same bits', {
  skip: WITHOUT_NATS,
  timeout: 180_000,
}, async (context) => {
  const folder = temporaryFolder(context);
  const disk = new SmallDisk(context, 3);
  // more than there is: a server that knows its disk refuses streams that do not fit
  writeFileSync(join(folder, 'nats.conf'), `jetstream { store_dir: "${disk.path}", max_file_store: 10GB }`);
  const server = await startServer(context, { config: join(folder, 'nats.conf'), jetStream: false });
  const start = (...words: string[]) => {
    const started = startProcess([CLI, ...words, '--nats', server.url, '--run', 'full']);
    context.after(() => started.child.kill('SIGKILL'));
    return started;
  };
  const out = join(folder, 'run');
  const first = start('coordinator', ...RUN, '--out', out);
  const worker = start('worker', '--threads', '1');
  if (!disk.isSmall) {
    await reaches(first.child, join(out, 'metrics.jsonl'), 30);
    server.signal('SIGSTOP');
  }

  let said = '';
  await until(async () => {
    const { code, stderr } = await lopt(['status', '--nats', server.url, '--timeout', '1']);
    said = stderr;
    return code !== 0;
  });
  // a server that is stopped does not even take a connection
  assert.match(said, disk.isSmall ? LOOK_AT_IT : /no server answers\n$/);

  const toldAt = performance.now();
  first.child.kill('SIGTERM');
  worker.child.kill('SIGTERM');
  const [coordinator] = await Promise.all([first.ended, worker.ended]);
  const seconds = (performance.now() - toldAt) / 1000;
  assert.ok(seconds < 60, `${seconds} s`);
  assert.equal(coordinator.code, 1, coordinator.stdout + coordinator.stderr);
  assert.match(coordinator.stderr, LOOK_AT_IT);
  assert.match(coordinator.stdout, /computed again; resume with: lopt coordinator --resume --out .* --run full\n$/);

  await server.kill();
  disk.resize(256);
  await server.start();
  start('worker', '--threads', '1');
  const { code, stdout, stderr } = await start('coordinator', '--resume', '--out', out).ended;
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Resuming after round [1-9]/);
  const plain = join(folder, 'plain');
  assert.equal((await lopt(['train', ...RUN, '--threads', '1', '--out', plain])).code, 0);
  assert.equal(sha256OfFile(join(out, 'last.safetensors')), sha256OfFile(join(plain, 'last.safetensors')));
});
