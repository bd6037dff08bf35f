/** `lopt report`: the page of a run or of a sweep, made again. */
import { existsSync } from 'node:fs';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { UsageError } from '../../shared/errors.js';
import { EXIT } from '../run/exit.js';
import { RunFolder } from '../run/run-folder.js';
import { type ReportedState, writeRunCurves, writeRunReport } from '../run/run-report.js';
import type { Flags } from '../run/train-flags.js';
import { resumeCommandOf } from '../sweep/conduct-sweep.js';
import { SweepFolder } from '../sweep/sweep-folder.js';
import { writeSweepReport } from '../sweep/sweep-report.js';
import type { Command } from './command.js';

export const report: Command = {
  name: 'report',
  usage: 'report <run>',
  summary: 'make report.html of a run or a sweep again from its folder, also while it goes on',
  flags: { svg: 'write the learning curves to this file' },
  switches: {},
  problemOptions: false,
  async run(positionals, flags) {
    const sweep = new SweepFolder(positionals['run']!);
    if (sweep.begun) return reportSweep(sweep, flags);
    const folder = new RunFolder(positionals['run']!);
    const stored = folder.open('Cannot report on');
    await writeRunReport(folder, stored, await stateOf(folder, stored.digest));
    process.stdout.write(`${folder.report}\n`);
    if (flags['svg'] !== undefined) {
      await writeRunCurves(folder, String(flags['svg']));
      process.stdout.write(`${String(flags['svg'])}\n`);
    }
    return EXIT.done;
  },
};

async function reportSweep(folder: SweepFolder, flags: Flags): Promise<number> {
  if (flags['svg'] !== undefined) {
    throw new UsageError(
      `Cannot report on ${folder.path}: "svg" is of one run, and this is a sweep; name a folder in its trials/`,
    );
  }
  await writeSweepReport(folder, resumeCommandOf('lopt sweep', folder.path));
  process.stdout.write(`${folder.report}\n`);
  return EXIT.done;
}

/** Where the run is by its last checkpoint. */
async function stateOf(folder: RunFolder, digest: string): Promise<ReportedState> {
  const start = { round: 0, plannedRounds: null, fingerprint: null };
  if (!existsSync(folder.checkpoints)) return start;
  const { checkpoints } = await new Checkpoints(new FolderBlobs(folder.checkpoints)).read(digest);
  return checkpoints[0]?.learner ?? start;
}
