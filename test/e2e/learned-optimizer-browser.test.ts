import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { writePhi } from '../../shared/phi-file.js';
import { relativeError } from '../contracts/engine.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { momentumPhi } from '../fixtures/momentum-phi.js';
import { withPage } from './browser.js';
import { type Training, trainClassifier } from './training-page.js';

// from dist/test/e2e
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TFJS = '/node_modules/@tensorflow/tfjs/dist/tf.fesm.min.js';
const PAGE = `<!doctype html>
<link rel="icon" href="data:,">
<script type="importmap">
${JSON.stringify({
  imports: {
    '@tensorflow/tfjs': TFJS,
    '@tensorflow/tfjs-core': TFJS,
    lopt: '/dist/worker/learned/learned-optimizer.js',
  },
})}
</script>
<title>lopt</title>`;
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.html': 'text/html' };

/** Serves the page, φ and the repository on loopback; the page's address. */
async function serve(context: TestContext, phi: string): Promise<string> {
  const server = createServer(({ url = '/' }, response) => {
    const type = TYPES[extname(url)];
    if (type) response.setHeader('content-type', type);
    if (url === '/page.html') response.end(PAGE);
    else response.end(readFileSync(url === '/phi.safetensors' ? phi : join(ROOT, url)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  context.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** `trainClassifier` in the page. */
async function trainInPage(page: Page, backend: string, compute: string): Promise<Training> {
  const call = `import('/dist/test/e2e/training-page.js').then(
    ({ trainClassifier }) => trainClassifier('${backend}', '/phi.safetensors', '${compute}'))`;
  return (await page.evaluate(call)) as Training;
}

test('LearnedOptimizer trains in Chromium as in Node, by the kernel and on WebGL', async (context) => {
  const phi = join(temporaryFolder(context), 'phi.safetensors');
  const { architecture, phi: values } = momentumPhi();
  writePhi(phi, architecture, values);
  const expected = await trainClassifier('cpu', phi, 'auto');
  assert.equal(expected.leaked, 0);
  assert.deepEqual(expected.resumedLosses, expected.losses.slice(10));
  assert.ok(expected.losses.at(-1)! < 0.2 * expected.losses[0]!, `${expected.losses}`);

  await withPage(context, async (page) => {
    await page.goto(`${await serve(context, phi)}/page.html`);
    for (const [backend, compute] of [
      ['cpu', 'auto'],
      ['cpu', 'kernel'],
      ['cpu', 'tensors'],
      ['webgl', 'auto'],
      ['webgl', 'kernel'],
      ['webgl', 'tensors'],
    ] as const) {
      const { losses, resumedLosses, ...end } = await trainInPage(page, backend, compute);
      assert.deepEqual(end, { backend, leaked: 0 }, compute);
      assert.deepEqual(resumedLosses, losses.slice(10), `${backend} ${compute}`);
      // rounding grows along a training
      const error = relativeError(losses, expected.losses);
      assert.ok(error < 1e-3, `${backend} ${compute}: ${error}: ${losses}`);
    }
  });
});
