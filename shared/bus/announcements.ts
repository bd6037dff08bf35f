/** The runs that coordinators announce on a server: how a worker that belongs to none finds one. */
import { decodeReceived } from '../codec.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../logger.js';
import { checkAnnouncement } from '../message-check.js';
import type { AnnounceMessage } from '../messages.js';
import type { NatsLink } from '../nats/link.js';
import { ShapeError } from '../shape.js';
import { clusterSubjects, runSubjects } from '../subjects.js';
import type { Unsubscribe } from './bus.js';
import { DropLog } from './drop-log.js';
import { Reassembler } from './reassembler.js';
import { openSigned } from './seals.js';

/** What is listened to. */
export interface AnnouncementsOptions {
  link: NatsLink;
  /** Public keys of the coordinators that may be followed. @default anybody's */
  trusted?: readonly string[] | undefined;
  /** @default 'lopt' */
  prefix?: string;
  logger: Logger;
}

/** Passes on every announcement of every run under a prefix, if its coordinator signed it: one a second from each. */
export function onAnnouncement(
  { link, prefix, logger, trusted }: AnnouncementsOptions,
  handler: (message: AnnounceMessage) => void,
): Unsubscribe {
  const drops = new DropLog(logger);
  const reassembler = new Reassembler();
  return link.control.subscribe(clusterSubjects(prefix).announcements, ({ subject, bytes }) => {
    let message: AnnounceMessage | undefined;
    try {
      const { packet, signer } = openSigned(subject, bytes);
      if (trusted && !trusted.includes(signer))
        throw new ShapeError(`its key, ${signer}, is none of those trusted here`);
      const whole = reassembler.add({ ...packet, session: `${signer}/${packet.session}` });
      message = whole && checkAnnouncement(decodeReceived(whole));
      if (message && message.keys?.sign !== signer)
        throw new ShapeError('it announces the keys of another coordinator');
      if (message && runSubjects(message.run, prefix, message.config.member).announcement !== subject) {
        throw new ShapeError(`it announces run ${message.run}`);
      }
    } catch (error) {
      drops.drop(subject, messageOf(error));
      return;
    }
    if (message) handler(message);
  });
}

/** The next run that is announced and that `accept` takes. Rejects with the signal's reason if that comes first. */
export function nextRun(
  options: AnnouncementsOptions,
  { accept = () => true, signal }: { accept?: (message: AnnounceMessage) => boolean; signal?: AbortSignal } = {},
): Promise<AnnounceMessage> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      end();
      reject(signal!.reason);
    };
    const end = onAnnouncement(options, (message) => {
      if (!accept(message)) return;
      end();
      signal?.removeEventListener('abort', leave);
      resolve(message);
    });
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted) leave();
  });
}
