/** A thread of `peakOf`: answers with its rate. */
import { parentPort, workerData } from 'node:worker_threads';
import { measurePeak } from '../../worker/devices/native/load.js';

parentPort!.postMessage(measurePeak(workerData as number));
