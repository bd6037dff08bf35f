/** `lopt report`: the page of a run, made again. */
import { existsSync } from 'node:fs';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { FolderBlobs } from '../../shared/blobs/folder-blobs.js';
import { RunFolder } from '../run-folder.js';
import { type ReportedState, writeRunCurves, writeRunReport } from '../run-report.js';
import { type Command, EXIT } from './command.js';

export const report: Command = {
  name: 'report',
  usage: 'report <run>',
  summary: 'make report.html of a run again from its folder, also while it goes on',
  flags: { svg: 'write the learning curves to this file' },
  switches: {},
  problemOptions: false,
  async run(positionals, flags) {
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

/** Where the run is by its last checkpoint. */
async function stateOf(folder: RunFolder, digest: string): Promise<ReportedState> {
  const start = { round: 0, plannedRounds: null, fingerprint: null };
  if (!existsSync(folder.checkpoints)) return start;
  const { checkpoints } = await new Checkpoints(new FolderBlobs(folder.checkpoints)).read(digest);
  return checkpoints[0]?.learner ?? start;
}
