import { testEngineRuns } from '../contracts/engine-runs.js';
import { tensorflowMissing } from '../fixtures/tensorflow.js';

testEngineRuns({ engine: 'tensorflow', missing: tensorflowMissing() });
