#!/usr/bin/env node
/** The executable `lopt`: the command line on this process's arguments, streams and exit code. */
import { main, report } from './command-line.js';
import { watchEnds } from './run/stray-ends.js';

// a reader that has seen enough, as in lopt problems | head, is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
const unwatch = watchEnds(report);
// not awaited here: Node would say in its own words that the wait has no end
void main(process.argv.slice(2)).then((code) => {
  unwatch();
  process.exitCode = code;
});
