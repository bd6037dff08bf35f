/** The most that this machine's cores could compute, which speeds are held against. */
import { Worker } from 'node:worker_threads';
import { nativeFault } from '../../worker/devices/native/load.js';

const SECONDS = 0.3;

/**
 * GFLOP/s of a loop of independent multiply-adds on so many threads at once; undefined if the native kernels, which have
 * this loop, are not to be had.
 */
export async function peakOf(threads: number): Promise<number | undefined> {
  if (nativeFault() !== undefined) return undefined;
  const rates = Array.from({ length: threads }, () => rateOfThread());
  return (await Promise.all(rates)).reduce((sum, rate) => sum + rate) / 1e9;
}

function rateOfThread(): Promise<number> {
  const worker = new Worker(new URL('./peak-thread.js', import.meta.url), { workerData: SECONDS });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
