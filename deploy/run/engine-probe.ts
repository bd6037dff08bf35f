/** Tries an engine in a process of its own: native libraries are slow to load, and may end a process that loads them. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../shared/errors.js';
import type { EngineDevice } from '../../worker/engines/select.js';

/** What an engine is here; or why there is none, in a sentence. */
export type EngineReport =
  | { usable: true; device: EngineDevice; fingerprint: string }
  | { usable: false; reason: string };

/** Marks the line of the process's output that is the report: a driver may write others. */
export const REPORT_MARK = 'lopt-engine-report ';

const PROBE_MS = 120_000;

/** Computes a probe window on the engine. */
export function probeEngine(name: string): Promise<EngineReport> {
  const script = fileURLToPath(new URL('./engine-probe-process.js', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [script, name], { timeout: PROBE_MS }, (error, stdout, stderr) => {
      const line = stdout.split('\n').find((text) => text.startsWith(REPORT_MARK));
      if (line) {
        resolve(JSON.parse(line.slice(REPORT_MARK.length)) as EngineReport);
        return;
      }
      const last = stderr.trim().split('\n').at(-1);
      const ending = error?.signal ? `ended by ${error.signal}` : messageOf(error ?? last ?? 'no answer');
      resolve({ usable: false, reason: `Cannot load engine "${name}": its process must answer, got ${ending}` });
    });
  });
}
