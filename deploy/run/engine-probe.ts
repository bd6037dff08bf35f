/** Probes an engine in a separate process: native libraries are slow to load and may crash their process. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../shared/errors.js';
import type { EngineDevice } from '../../worker/engines/select.js';

/** The engine's device and fingerprint, or why it cannot be used. */
export type EngineReport =
  | { usable: true; device: EngineDevice; fingerprint: string }
  | { usable: false; reason: string };

/** Marks the report among the output lines, since drivers may print others. */
export const REPORT_MARK = 'lopt-engine-report ';

const PROBE_MS = 120_000;

/** Computes a probe window with the engine. */
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
