/** `lopt train`: the main job, embedded. */
import { basename } from 'node:path';
import { LIVE_FLAGS, liveAddress } from '../live/flags.js';
import { withLivePage } from '../live/open-page.js';
import { compareRun } from '../run/compare-run.js';
import { conductRun } from '../run/conduct.js';
import { trainEmbedded } from '../run/embedded.js';
import { mergeFlags, prepareRun, TRAINING_FLAGS, TRAINING_SWITCHES } from '../run/prepare-run.js';
import { type Flags, threadsOf } from '../run/train-flags.js';
import type { Command } from './command.js';
import { everyOption, flagNames } from './flags.js';

const TASK = 'Cannot train';

export const train: Command = {
  name: 'train',
  usage: 'train [problem]',
  summary: 'train φ on this machine: coordinator and threads in one process',
  flags: {
    ...TRAINING_FLAGS,
    ...LIVE_FLAGS,
    threads: 'threads that compute (default: all processors, or one for a GPU)',
  },
  options: everyOption,
  switches: { ...TRAINING_SWITCHES, compare: 'afterwards, hold φ against tuned hand-designed optimizers' },
  problemOptions: true,
  run: runTrain,
};

async function runTrain(positionals: Readonly<Record<string, string | undefined>>, given: Flags): Promise<number> {
  const known = { names: flagNames(train), switches: train.switches };
  const { flags, problem } = mergeFlags({ task: TASK, problem: positionals['problem'], given, known });
  // a wrong number is told before a folder is made
  threadsOf(TASK, flags);
  const address = liveAddress(TASK, flags);
  const prepared = await prepareRun(TASK, problem, flags);
  const { folder, configured } = prepared;
  const threads = threadsOf(TASK, flags, configured.config.engine);
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  return withLivePage({ address, run: basename(folder.path), prepared, say }, (page) =>
    conductRun(prepared, {
      how: `with ${threads} thread${threads === 1 ? '' : 's'}`,
      launch: (options) => trainEmbedded({ threads, onLeading: (leader) => page?.watch(leader), ...options }),
      resumeCommand: `lopt train --resume --out ${folder.path}`,
      ...(page ? { observers: [page] } : {}),
      ...(flags['compare'] === true ? { afterwards: () => compareRun(folder, configured, threads) } : {}),
    }),
  );
}
