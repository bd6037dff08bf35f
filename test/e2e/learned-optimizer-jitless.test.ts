import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { encodePhi } from '../../shared/phi-format.js';
import { somePhi } from '../contracts/engine.js';
import { NETWORK } from '../fixtures/learned.js';

const PHI = encodePhi(NETWORK, somePhi(NETWORK));

test('LearnedOptimizer says that it computes by tensor operations where there is no WebAssembly, and does', () => {
  const script = `
    import * as tf from '@tensorflow/tfjs';
    import { LearnedOptimizer } from 'lopt';
    const variable = tf.variable(tf.scalar(1));
    const bytes = Uint8Array.from(atob(${JSON.stringify(Buffer.from(PHI).toString('base64'))}), (c) => c.charCodeAt(0));
    const minimize = (compute) => new LearnedOptimizer(bytes, { compute }).minimize(() => variable.square());
    try { minimize('kernel'); } catch (error) { console.log(error.message); }
    minimize('auto');
    console.log(variable.dataSync()[0] !== 1);
  `;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--jitless', '--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'Cannot load the kernel: WebAssembly must be available, and is not\ntrue\n');
  assert.match(stderr, /lopt computes steps by tensor operations/);
});
