/** Who may look at a live page. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** The cookie by which a browser that has shown the token once is known. */
const COOKIE = 'lopt-live';

/** What a request gets: the page, a cookie and the page, or nothing. */
export type Admission = 'granted' | { cookie: string } | 'refused' | 'elsewhere';

/** Whether an address can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/**
 * Decides on a request. With a token, whoever shows it (`?token=`, then a cookie) is admitted. Without one the page is
 * for this machine: a request must name it by a loopback name, or a page from elsewhere could read this one by having its
 * own name lead here.
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

/** Takes as long for any two texts. */
function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
