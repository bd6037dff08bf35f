/** The live page around a sweep: opened before it and closed after it. */

import type { PreparedSweep } from '../../sweep/prepare-sweep.js';
import { conductWithPage } from '../conduct-page.js';
import type { LiveAddress } from '../start-thread.js';
import { SweepLivePage } from './sweep-live.js';

/** The page's subject, and where to print its address. */
export interface SweepPageOf {
  address: LiveAddress | undefined;
  run: string;
  prepared: PreparedSweep;
  say: (line: string) => void;
}

/**
 * Conducts a sweep, with a live page if one was asked for, and returns the sweep's exit code. Throws LoptError if the
 * page cannot be served.
 */
export async function withSweepPage(
  { address, run, prepared, say }: SweepPageOf,
  conduct: (page: SweepLivePage | undefined) => Promise<number>,
): Promise<number> {
  if (!address) return conduct(undefined);
  const { folder, stored, plan } = prepared;
  const { problem } = stored;
  const page = await SweepLivePage.start({ ...address, run, problem, plan, out: folder.path, onError: say });
  return conductWithPage(page, say, conduct);
}
