import { testEngineRuns } from '../contracts/engine-runs.js';

testEngineRuns({ engine: 'reference' });
