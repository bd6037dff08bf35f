/** The process of `probeEngine`: its argument is the engine's name. */
import { digestOf } from '../../shared/config.js';
import { LoptError } from '../../shared/errors.js';
import { ENGINES } from '../../worker/engines/select.js';
import { fingerprintOf, sessionOf } from '../../worker/session.js';
import { type EngineReport, REPORT_MARK } from './engine-probe.js';
import { configure } from './train-flags.js';

async function reportOf(engine: string): Promise<EngineReport> {
  try {
    const device = await ENGINES.get(engine)!.device();
    const { config } = await configure('Cannot probe', 'quadratic', { engine });
    const fingerprint = await fingerprintOf(await sessionOf({ digest: digestOf(config), config }));
    return { usable: true, device, fingerprint };
  } catch (error) {
    if (!(error instanceof LoptError)) throw error;
    return { usable: false, reason: error.message };
  }
}

const report = await reportOf(process.argv[2]!);
// exits at once, since a native library may fail while it shuts down
process.stdout.write(`${REPORT_MARK}${JSON.stringify(report)}\n`, () => process.exit(0));
