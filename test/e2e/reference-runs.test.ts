import { testEngineRuns } from '../contracts/engine-runs.js';

testEngineRuns('reference', undefined);
