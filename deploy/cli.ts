#!/usr/bin/env node
/** The executable `lopt`: the command line on this process's arguments, streams and exit code. */
import { main, report } from './command-line.js';
import { endNow } from './run/exit.js';
import { watchEnds } from './run/stray-ends.js';

/** What a finished command may leave to be closed by itself. */
const LINGER_MS = 2000;

// a reader that has seen enough, as in lopt problems | head, is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
const unwatch = watchEnds(report);
// not awaited here: Node would say in its own words that the wait has no end
void main(process.argv.slice(2)).then((code) => {
  unwatch();
  process.exitCode = code;
  // a server that is frozen keeps a connection open that nobody can close
  setTimeout(() => endNow(code), LINGER_MS).unref();
});
