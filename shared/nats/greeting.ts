/** The greeting that a NATS server sends to every connection, before anything else. */
import { connect } from 'node:net';

/** What a server says before it is said anything. */
export interface Greeting {
  /** Whether it demands a client certificate. */
  demandsCertificate: boolean;
  /** Why it does not take the connection, in its own words; undefined if it may. */
  complaint: string | undefined;
}

const TIMEOUT_MS = 2000;
/** A server that takes no connection says so in the same breath. */
const COMPLAINT_MS = 200;
/** No greeting is longer. */
const LONGEST = 65_536;

/** The greeting of the server at this address; undefined if nothing there greets as NATS does. */
export function greetingOf(host: string, port: number): Promise<Greeting | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let heard = '';
    const end = () => {
      socket.destroy();
      resolve(greetingIn(heard));
    };
    socket.setTimeout(TIMEOUT_MS, end);
    socket.on('error', end);
    socket.on('close', end);
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
      const greeting = greetingIn(heard);
      if (greeting?.complaint !== undefined || heard.length > LONGEST) end();
      else if (greeting) socket.setTimeout(COMPLAINT_MS, end);
      else if (heard.includes('\n')) end();
    });
  });
}

function greetingIn(heard: string): Greeting | undefined {
  const [, info, complaint] = /^INFO (\{.*\}) *\r\n(?:-ERR '(.*)'\r\n)?/.exec(heard) ?? [];
  if (info === undefined) return undefined;
  return { demandsCertificate: /"tls_verify":\s*true/.test(info), complaint };
}
