import assert from 'node:assert/strict';
import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { loptHere } from '../fixtures/command-line.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { cifarFiles, mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { type Ended, lopt, sha256OfFile, wordsOf } from './harness.js';

const FLAGS = wordsOf({ horizon: 6, unroll: 3, layers: 4, 'evaluate-every': 4, 'evaluate-functions': 1 });
const MLP = wordsOf({ 'problem.hidden': 4, 'problem.batch': 8 });
const FILES = mnistFiles({ training: 60, test: 12, height: 14, width: 12 });
const IMAGES = 'train-images-idx3-ubyte';

async function done(args: readonly string[], cwd?: string): Promise<Ended> {
  const ended = await lopt(args, cwd);
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

test('lopt train mlp on a folder of idx files resumes from wherever the same files are, to the same bits', async (context) => {
  const work = temporaryFolder(context);
  const data = writeFiles(temporaryFolder(context), FILES);
  const moved = join(temporaryFolder(context), 'moved');
  // the folder is given as seen from where the command runs, and found again from elsewhere
  renameSync(data, join(work, 'data'));
  const train = ['train', 'mlp', ...FLAGS, ...MLP, '--problem.folder', 'data', '--rounds', '5', '--out'];
  await done([...train, 'stays'], work);
  cpSync(join(work, 'stays'), join(work, 'goes'), { recursive: true });
  const resume = ['train', '--resume', '--rounds', '9', '--out'];
  await done([...resume, join(work, 'stays')]);

  renameSync(join(work, 'data'), moved);
  const goes = join(work, 'goes');
  const lost = await lopt([...resume, goes]);
  const missing = `Cannot read images from ${join(work, 'data')}: there is no such folder\n`;
  assert.deepEqual([lost.stderr, lost.code], [missing, 1]);
  await done([...resume, goes, '--problem.folder', moved]);
  assert.equal(sha256OfFile(join(goes, 'last.safetensors')), sha256OfFile(join(work, 'stays', 'last.safetensors')));
  // and from then on it is known
  await done(['train', '--resume', '--rounds', '10', '--out', goes]);
  const phi = join(goes, 'phi.safetensors');
  const { stdout } = await done(['eval', phi, '--functions', '2', '--tune-functions', '1']);
  assert.match(stdout, /^Comparing on 2 fresh functions of mlp, 6 steps;/);
});

test('lopt train --resume refuses a folder whose files have changed, and takes compressed ones', async (context) => {
  const folder = writeFiles(temporaryFolder(context), FILES);
  const out = join(temporaryFolder(context), 'run');
  await done(['train', 'mlp', ...FLAGS, ...MLP, '--problem.folder', folder, '--rounds', '3', '--out', out]);
  const { config } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as {
    config: { dataHashes: Record<string, string> };
  };
  const path = join(folder, IMAGES);
  assert.equal(config.dataHashes[IMAGES], sha256OfFile(path));

  const packed = writeFiles(
    temporaryFolder(context),
    new Map([...FILES].map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)])),
  );
  await done(['train', '--resume', '--rounds', '4', '--out', out, '--problem.folder', packed]);

  const changed = readFileSync(path);
  changed[changed.length - 1]! ^= 1;
  writeFileSync(path, changed);
  const refused = await lopt(['train', '--resume', '--rounds', '5', '--out', out, '--problem.folder', folder]);
  const [before, now] = [config.dataHashes[IMAGES], sha256OfFile(path)];
  const file = `the file ${IMAGES} in ${folder}`;
  const sentence = `Cannot resume ${out}: ${file} must be that of the run, with SHA-256 ${before}, got ${now}\n`;
  assert.deepEqual([refused.stderr, refused.code], [sentence, 2]);
});

test('lopt train conv and lopt train autoencoder train on files of CIFAR-10, conv to the same bits again', async (context) => {
  const folder = writeFiles(temporaryFolder(context), cifarFiles(4));
  const out = temporaryFolder(context);
  const rest = [...FLAGS, '--problem.batch', '4', '--problem.folder', folder, '--rounds', '3', '--out'];
  const conv = ['train', 'conv', '--problem.filters', '2', ...rest];
  await done([...conv, join(out, 'one'), '--threads', '1']);
  await done([...conv, join(out, 'two'), '--threads', '2']);
  const [one, two] = ['one', 'two'].map((name) => sha256OfFile(join(out, name, 'last.safetensors')));
  assert.equal(one, two);
  await done(['train', 'autoencoder', '--problem.hidden', '2', ...rest, join(out, 'autoencoder')]);
});

test('lopt train answers a folder without images with one sentence, and leaves nothing behind', async (context) => {
  const folder = temporaryFolder(context);
  const { code, stderr } = await loptHere(['train', 'conv', '--problem.folder', '.', '--out', 'run'], folder);
  assert.match(
    stderr,
    /^Cannot read images from \S+: it must hold the files of .* or the files of .*, and holds neither\n$/,
  );
  assert.equal(code, 1);
});
