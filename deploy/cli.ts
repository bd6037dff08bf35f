#!/usr/bin/env node
/** The executable `lopt`: the command line on this process's arguments, streams and exit code. */
import { main } from './command-line.js';

// a reader that has seen enough, as in lopt problems | head, is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
process.exitCode = await main(process.argv.slice(2));
