/**
 * Preloaded by `npm run test:quick`: makes this machine one that has nothing but Node. No program can be started, and no
 * nats-server, Python or GPU is found; tests that need one say so and are skipped, as on a machine that lacks it.
 */
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

const STARTING = ['spawn', 'fork', 'exec', 'execFile', 'execSync', 'execFileSync'] as const;
const NOWHERE = '/nowhere';

/** Lets nothing be found by the environment that tests look for programs and drivers in. */
export function hideEverything(environment: NodeJS.ProcessEnv): void {
  Object.assign(environment, { NATS_SERVER_BIN: NOWHERE, VK_ICD_FILENAMES: NOWHERE, CUDA_VISIBLE_DEVICES: '-1' });
}

/**
 * Makes the functions of node:child_process start nothing: spawnSync() answers as where there is no such program, by which
 * tests find that out, and the others throw.
 */
export function forbidPrograms(starts: object): void {
  const forbidden = (program: string) =>
    new Error(
      `Cannot start ${program} in the quick gate: move the test to e2e/, or skip it where the program is missing`,
    );
  const refuse = (program: string): never => {
    throw forbidden(program);
  };
  for (const name of STARTING) Object.assign(starts, { [name]: refuse });
  Object.assign(starts, {
    spawnSync: (program: string) => ({ status: null, signal: null, stdout: '', stderr: '', error: forbidden(program) }),
  });
}

// the runner starts a process for every file, and is told apart by what it tells them
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  hideEverything(process.env);
  forbidPrograms(childProcess);
  syncBuiltinESMExports();
}
