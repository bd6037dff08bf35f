/** Access control of a live page. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** The cookie that identifies a browser which has presented the token. */
const COOKIE = 'lopt-live';

/** The response to a request: the page, a redirect that sets a cookie, or a refusal. */
export type Admission = 'granted' | { cookie: string } | 'refused' | 'elsewhere';

/** Whether an address is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/**
 * Decides on a request. With a token, a browser that presents it (`?token=`, later a cookie) is admitted. Without one,
 * only this machine may see the page: the request must use a loopback name, or a foreign site could read the page by
 * resolving its own name to this machine (DNS rebinding).
 */
export function admit(request: Pick<IncomingMessage, 'headers' | 'url'>, token: string | null): Admission {
  if (token === null) {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    return isLoopback(host) ? 'granted' : 'elsewhere';
  }
  const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '');
  const shown = query.get('token');
  if (shown !== null) {
    return same(shown, token) ? { cookie: `${COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/` } : 'refused';
  }
  const cookies = (request.headers.cookie ?? '').split(';').map((cookie) => cookie.trim());
  const own = cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`));
  return own !== undefined && same(own.slice(COOKIE.length + 1), token) ? 'granted' : 'refused';
}

/** Compares two texts in constant time. */
function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
