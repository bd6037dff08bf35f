/** The announcements of all runs on a server: how a worker that has no run finds one. */
import { decode } from '../codec.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../logger.js';
import { checkAnnouncement } from '../message-check.js';
import type { AnnounceMessage } from '../messages.js';
import type { NatsLink } from '../nats/link.js';
import { clusterSubjects } from '../subjects.js';
import type { Unsubscribe } from './bus.js';
import { DropLog } from './drop-log.js';
import { decodePacket } from './packet.js';
import { Reassembler } from './reassembler.js';

/** Tells of every announcement, checked; what is none is dropped, counted, and said now and then. */
export function onAnnouncement(
  link: NatsLink,
  prefix: string,
  logger: Logger,
  handler: (announcement: AnnounceMessage) => void,
): Unsubscribe {
  const drops = new DropLog(logger);
  const reassembler = new Reassembler();
  return link.control.subscribe(clusterSubjects(prefix).announcements, ({ subject, bytes }) => {
    let announcement: AnnounceMessage;
    try {
      const whole = reassembler.add(decodePacket(bytes));
      if (!whole) return;
      announcement = checkAnnouncement(decode(whole));
    } catch (error) {
      drops.drop(subject, messageOf(error));
      return;
    }
    handler(announcement);
  });
}
