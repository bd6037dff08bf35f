import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { metricsAddress } from '../../deploy/operations/flags.js';
import { type OperationsOptions, OperationsServer } from '../../deploy/operations/server.js';
import { LoptError, UsageError } from '../../shared/errors.js';
import { parseExposition, sampleOf } from '../fixtures/exposition.js';

async function serve(test: TestContext, options: Partial<OperationsOptions> = {}): Promise<OperationsServer> {
  const server = await OperationsServer.start({ registry: new Registry(), checks: {}, port: 0, ...options });
  test.after(() => server.close());
  return server;
}

describe('OperationsServer', () => {
  it('answers /livez with 200, ready or not', async (test) => {
    const { url } = await serve(test, { checks: { run: () => 'it works for no run' } });
    const response = await fetch(`${url}/livez`);
    assert.deepEqual([response.status, await response.text()], [200, 'ok\n']);
    assert.equal(response.headers.get('cache-control'), 'no-store');
  });

  it('answers /readyz with 503 and what is missing until every check holds', async (test) => {
    let missing: string | undefined = 'not connected';
    const { url } = await serve(test, { checks: { nats: () => missing, run: () => undefined } });
    const before = await fetch(`${url}/readyz`);
    assert.deepEqual([before.status, await before.text()], [503, 'nats: not connected\nrun: ok\n']);
    missing = undefined;
    const after = await fetch(`${url}/readyz`);
    assert.deepEqual([after.status, await after.text()], [200, 'nats: ok\nrun: ok\n']);
  });

  it('serves the registry at /metrics in the text format', async (test) => {
    const registry = new Registry();
    const gauge = new Gauge({ name: 'answer', help: 'Of a "question"\n.', labelNames: ['by'], registers: [registry] });
    gauge.set({ by: 'a"b\\c\nd' }, 42);
    const { url } = await serve(test, { registry });
    const response = await fetch(`${url}/metrics`);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const families = parseExposition(await response.text());
    assert.equal(sampleOf(families, 'answer', { by: 'a"b\\c\nd' }), 42);
  });

  it('answers 500 with the reason where the metrics cannot be read, and goes on', async (test) => {
    const registry = new Registry();
    let broken = true;
    new Gauge({
      name: 'answer',
      help: 'Of a question.',
      registers: [registry],
      collect() {
        if (broken) throw new Error('the pool is closed');
        this.set(42);
      },
    });
    const { url } = await serve(test, { registry });
    const failed = await fetch(`${url}/metrics`);
    assert.deepEqual([failed.status, await failed.text()], [500, 'the pool is closed\n']);
    broken = false;
    assert.equal((await fetch(`${url}/metrics`)).status, 200);
  });

  it('answers HEAD without a body, 404 elsewhere, 405 to other methods', async (test) => {
    const { url } = await serve(test);
    const head = await fetch(`${url}/livez?verbose`, { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '3', '']);
    assert.equal((await fetch(`${url}/`)).status, 404);
    const posted = await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) });
    assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
  });

  it('survives a request target that is no URL', async (test) => {
    const { url } = await serve(test);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(url, { path: '//[' }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    assert.equal(status, 404);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });

  it('listens on the loopback interface where nothing else is said', async (test) => {
    const { url } = await serve(test);
    assert.equal(new URL(url).hostname, '127.0.0.1');
    assert.equal(new URL((await serve(test, { host: '0.0.0.0' })).url).hostname, '0.0.0.0');
  });

  it('close() ends the open connections too, and may be called again', async () => {
    const server = await OperationsServer.start({ registry: new Registry(), checks: {}, port: 0 });
    const { url } = server;
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const ended = new Promise((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => socket.on('connect', resolve));
    socket.on('error', () => {});
    socket.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    await Promise.all([server.close(), server.close()]);
    await server.close();
    await ended;
    await assert.rejects(fetch(url));
  });

  it('start() says in a sentence that the port is taken', async (test) => {
    const { url } = await serve(test);
    const port = Number(new URL(url).port);
    await assert.rejects(OperationsServer.start({ registry: new Registry(), checks: {}, port }), {
      name: 'LoptError',
      message: `Cannot serve metrics on 127.0.0.1:${port}: "metrics-port" must be free, but another process is listening on it`,
    });
  });

  it('start() says in a sentence that the address is not one of this machine', async () => {
    // an address for documentation (RFC 5737), which no machine has
    const started = OperationsServer.start({ registry: new Registry(), checks: {}, port: 0, host: '192.0.2.1' });
    await assert.rejects(started, (error: Error) => {
      assert.ok(error instanceof LoptError);
      assert.match(error.message, /^Cannot serve metrics on 192\.0\.2\.1:0: "metrics-host" must be an address of this/);
      return true;
    });
  });
});

describe('metricsAddress()', () => {
  const task = 'Cannot start worker';

  it('reads the flags, and is undefined where there are none', () => {
    assert.equal(metricsAddress(task, {}), undefined);
    assert.deepEqual(metricsAddress(task, { 'metrics-port': '9464' }), { port: 9464 });
    assert.deepEqual(metricsAddress(task, { 'metrics-port': 0, 'metrics-host': '::1' }), { port: 0, host: '::1' });
  });

  it('refuses what is no port, and an address without one', () => {
    for (const port of ['x', -1, 65_536, 1.5]) {
      assert.throws(() => metricsAddress(task, { 'metrics-port': port }), {
        name: 'UsageError',
        message: `Cannot start worker: "metrics-port" must be an integer from 0 to 65535, got ${JSON.stringify(port)}`,
      });
    }
    assert.throws(() => metricsAddress(task, { 'metrics-host': '::1' }), UsageError);
  });
});
