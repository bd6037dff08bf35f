import { probeEngine } from '../../deploy/engine-probe.js';
import { testEngineRuns } from '../contracts/engine-runs.js';
import { swiftShaderEnvironment } from '../fixtures/swiftshader.js';

// the processes and threads that are started here have this environment, too
Object.assign(process.env, swiftShaderEnvironment());
const report = await probeEngine('webgpu');

testEngineRuns('webgpu', report.usable ? undefined : report.reason);
