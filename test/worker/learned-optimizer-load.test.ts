import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { LearnedOptimizer } from 'lopt';
import { FileError, LoptError } from '../../shared/errors.js';
import { writePhi } from '../../shared/phi-file.js';
import { encodePhi } from '../../shared/phi-format.js';
import { somePhi } from '../contracts/engine.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { NETWORK, withVariables } from '../fixtures/learned.js';

const PHI = { architecture: NETWORK, phi: somePhi(NETWORK) };

/** A server on loopback that knows /phi.safetensors alone; its address. */
async function serve(context: TestContext): Promise<string> {
  const server = createServer(({ url }, response) => {
    if (url === '/phi.safetensors') response.end(encodePhi(NETWORK, PHI.phi));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  context.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('LearnedOptimizer load()', () => {
  it('reads a path, a file URL and what a server sends, and the constructor bytes', async (context) => {
    const path = join(temporaryFolder(context), 'phi.safetensors');
    writePhi(path, NETWORK, PHI.phi);
    const url = `${await serve(context)}/phi.safetensors`;
    const expected = new LearnedOptimizer(PHI).getConfig();
    assert.deepEqual(new LearnedOptimizer(encodePhi(NETWORK, PHI.phi)).getConfig(), expected);
    for (const source of [path, pathToFileURL(path), url, new URL(url)]) {
      assert.deepEqual((await LearnedOptimizer.load(source)).getConfig(), expected, String(source));
    }
    const { compute } = (await LearnedOptimizer.load(path, { compute: 'tensors' })).getConfig();
    assert.equal(compute, 'tensors');
  });

  it('throws FileError that says what is wrong', async (context) => {
    const folder = temporaryFolder(context);
    const address = await serve(context);
    const cases: [source: string, why: RegExp][] = [
      [join(folder, 'none.safetensors'), /^Cannot read φ from .*none\.safetensors: there is no such file$/],
      [folder, /^Cannot read φ from .*: EISDIR/],
      [`${address}/other`, /^Cannot read φ from http.*\/other: the server answered 404 Not Found$/],
      ['http://127.0.0.1:1/', /^Cannot read φ from http:\/\/127\.0\.0\.1:1\/: /],
    ];
    for (const [source, why] of cases) {
      await assert.rejects(
        LearnedOptimizer.load(source),
        (error) => error instanceof FileError && error.path === source && why.test(error.message),
        source,
      );
    }
    const cut = encodePhi(NETWORK, PHI.phi).subarray(0, -1);
    assert.throws(() => new LearnedOptimizer(cut), /^FileError: Cannot read the given bytes as safetensors: tensor /);
  });
});

describe('LearnedOptimizer', () => {
  it('refuses wrong options, unknown variables, gradients of another size, and work after dispose()', async () => {
    const wrong = { compute: 'gpu' } as unknown as { compute: 'auto' };
    assert.throws(
      () => new LearnedOptimizer(PHI, wrong),
      /Cannot make a learned optimizer: "compute" must be one of auto, kernel, tensors, got "gpu"/,
    );
    assert.throws(
      () => new LearnedOptimizer({ ...PHI, phi: new Float32Array(3) }),
      /Cannot make a learned optimizer: "phi" must hold \d+ numbers, got 3/,
    );
    const optimizer = new LearnedOptimizer(PHI);
    const refused = (gradients: tf.NamedTensorMap, why: RegExp) =>
      assert.throws(
        () => optimizer.applyGradients(gradients),
        (error) => error instanceof LoptError && why.test(error.message),
      );
    refused({ nobody: tf.tensor1d([1]) }, /there must be a variable named "nobody"/);
    await withVariables([[2]], async ([variable]) => {
      const { name } = variable!;
      refused({ [name]: tf.tensor1d([1, 2, 3]) }, /must have as many elements as at its first step, 2, got 3/);
      optimizer.dispose();
      refused({ [name]: tf.tensor1d([1, 2]) }, /Cannot apply gradients: the learned optimizer is disposed of/);
    });
    await assert.rejects(optimizer.setWeights([{ name: 'iter', tensor: tf.scalar(1) }]), /disposed of/);
  });
});
