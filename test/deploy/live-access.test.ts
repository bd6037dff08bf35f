import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admit, isLoopback } from '../../deploy/live/access.js';
import { liveAddress } from '../../deploy/live/flags.js';
import { UsageError } from '../../shared/errors.js';

const TOKEN = 'a-token-of-some-length';

function ask(url: string, headers: Record<string, string>, token: string | null) {
  return admit({ url, headers }, token);
}

describe('isLoopback()', () => {
  it('holds for the names of this machine alone', () => {
    for (const name of ['127.0.0.1', '127.8.0.1', '::1', '[::1]', 'localhost', 'LOCALHOST']) {
      assert.equal(isLoopback(name), true, name);
    }
    for (const name of ['0.0.0.0', '::', '10.0.0.1', '127.evil.example', 'localhost.evil.example', '']) {
      assert.equal(isLoopback(name), false, name);
    }
  });
});

describe('admit()', () => {
  it('wants a loopback name where there is no token: a page from elsewhere has another one', () => {
    assert.equal(ask('/', { host: '127.0.0.1:8080' }, null), 'granted');
    assert.equal(ask('/', { host: '[::1]:8080' }, null), 'granted');
    assert.equal(ask('/', { host: 'rebound.example:8080' }, null), 'elsewhere');
    assert.equal(ask('/', {}, null), 'elsewhere');
  });

  it('wants the token once, and then the cookie that it gave', () => {
    const first = ask(`/?token=${TOKEN}`, { host: 'cluster.example' }, TOKEN);
    assert.ok(typeof first === 'object');
    assert.match(first.cookie, /; HttpOnly; SameSite=Strict; Path=\/$/);
    const cookie = first.cookie.split(';')[0]!;
    assert.equal(ask('/events', { host: 'cluster.example', cookie: `other=1; ${cookie}` }, TOKEN), 'granted');
  });

  it('refuses another token, another cookie, and none, on loopback too', () => {
    assert.equal(ask(`/?token=${TOKEN}x`, { host: '127.0.0.1' }, TOKEN), 'refused');
    assert.equal(ask('/?token=', { host: '127.0.0.1' }, TOKEN), 'refused');
    assert.equal(ask('/', { host: '127.0.0.1', cookie: 'lopt-live=guess' }, TOKEN), 'refused');
    assert.equal(ask('/', { host: '127.0.0.1' }, TOKEN), 'refused');
    // a wrong token is not made good by a right cookie
    assert.equal(ask('/?token=x', { host: '127.0.0.1', cookie: `lopt-live=${TOKEN}` }, TOKEN), 'refused');
  });
});

describe('liveAddress()', () => {
  it('is nowhere without --ui, and on this machine alone with it', () => {
    assert.equal(liveAddress('Cannot test', {}, {}), undefined);
    assert.deepEqual(liveAddress('Cannot test', { ui: 0 }, {}), { port: 0, host: '127.0.0.1', token: undefined });
  });

  it('refuses what cannot be meant, in a sentence', () => {
    const refused = (flags: Record<string, unknown>, environment: Record<string, string>, sentence: string) =>
      assert.throws(
        () => liveAddress('Cannot test', flags as never, environment),
        (error) => error instanceof UsageError && error.message === sentence,
      );
    refused({ 'ui-host': '0.0.0.0' }, {}, 'Cannot test: "ui-host" needs a "ui" beside it');
    refused({ ui: 70000 }, {}, 'Cannot test: "ui" must be an integer from 0 to 65535, got 70000');
    refused(
      { ui: 1, 'ui-host': '0.0.0.0' },
      { LOPT_UI_TOKEN: 'short' },
      'Cannot test: LOPT_UI_TOKEN must have at least 16 characters, got 5',
    );
  });
});
