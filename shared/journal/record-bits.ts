/** Whether two records are the same: everything in them except the term, which says who made them. */
import { encode } from '../codec.js';
import type { JournalRecord } from './journal.js';

export function sameRecord(a: JournalRecord, b: JournalRecord): boolean {
  return bitsOf(a).equals(bitsOf(b));
}

function bitsOf({
  round,
  phi,
  metaGradient,
  healthy,
  problems,
  loss,
  finalLoss,
  learningRate,
  skipped,
  decisions,
}: JournalRecord): Buffer {
  return encode([round, phi, metaGradient, healthy, problems, loss, finalLoss, learningRate, skipped, decisions]);
}
