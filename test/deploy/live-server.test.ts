import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { LiveServer } from '../../deploy/live/live-server.js';

const TOKEN = 'a-token-of-some-length';

async function start(context: TestContext): Promise<LiveServer> {
  const server = await LiveServer.start({
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    page: { html: '<p>page</p>', script: '' },
    newest: () => new Map([['status', '{"round":7}']]),
    onWatched: () => {},
  });
  context.after(() => server.close());
  return server;
}

/** The answer to a request whose target is sent as it is, which fetch() would tidy up. */
function get({ url }: LiveServer, target: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; location: string | undefined; body: string }>((resolve, reject) => {
    const asked = request(url, { path: target, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode!, location: response.headers.location, body }));
    });
    asked.on('error', reject).end();
  });
}

describe('LiveServer', () => {
  it('leads a browser that shows the token to the same path without it, and to no other host', async (context) => {
    const server = await start(context);
    const locations: unknown[] = [];
    for (const target of [
      '/',
      '/status.json',
      '//evil.example/',
      '///evil.example',
      '/\\evil.example/',
      '/%2f/evil.example/',
      'http://evil.example/',
      '/elsewhere',
    ]) {
      const { status, location } = await get(server, `${target}?token=${TOKEN}`);
      locations.push([target, status, location]);
    }
    assert.deepEqual(locations, [
      ['/', 303, '/'],
      ['/status.json', 303, '/status.json'],
      ['//evil.example/', 404, undefined],
      ['///evil.example', 404, undefined],
      ['/\\evil.example/', 404, undefined],
      ['/%2f/evil.example/', 404, undefined],
      ['http://evil.example/', 404, undefined],
      ['/elsewhere', 404, undefined],
    ]);
  });

  it('tells a stranger of no path whether it is there', async (context) => {
    const server = await start(context);
    for (const target of ['/', '/status.json', '/elsewhere', '//evil.example/']) {
      assert.equal((await get(server, target)).status, 401, target);
    }
    const known = await get(server, '/status.json', { cookie: `lopt-live=${TOKEN}` });
    assert.deepEqual([known.status, known.body], [200, '{"round":7}\n']);
  });
});
