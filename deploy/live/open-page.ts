/** The live page around a run: opened before it and closed after it. */

import type { PreparedRun } from '../run/prepare-run.js';
import { measureBaselines } from './baselines.js';
import { conductWithPage } from './conduct-page.js';
import { LivePage } from './live-page.js';
import type { LiveAddress } from './start-thread.js';

/** The page's subject, and where to print its address. */
export interface LivePageOf {
  address: LiveAddress | undefined;
  run: string;
  prepared: PreparedRun;
  say: (line: string) => void;
}

/**
 * Conducts a run, with a live page if one was asked for, and returns the run's exit code. Throws LoptError if the
 * page cannot be served.
 */
export async function withLivePage(
  { address, run, prepared, say }: LivePageOf,
  conduct: (page: LivePage | undefined) => Promise<number>,
): Promise<number> {
  if (!address) return conduct(undefined);
  const { folder, stored } = prepared;
  const page = await LivePage.start({
    ...address,
    run,
    config: stored.config,
    metrics: folder.metrics,
    baselines: (signal) => measureBaselines(stored.config, signal),
    onError: say,
  });
  return conductWithPage(page, say, conduct);
}
