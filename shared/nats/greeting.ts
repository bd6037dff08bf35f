/** The greeting that a NATS server sends to every connection, before anything else. */
import { connect } from 'node:net';

const TIMEOUT_MS = 2000;

/** Whether the server at this address demands a client certificate; undefined if nothing there greets as NATS does. */
export function demandsCertificate(host: string, port: number): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let heard = '';
    const end = (answer: boolean | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TIMEOUT_MS, () => end(undefined));
    socket.on('error', () => end(undefined));
    socket.on('close', () => resolve(undefined));
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
      const info = /^INFO (\{.*\}) *\r\n/.exec(heard)?.[1];
      if (info !== undefined) end(/"tls_verify":\s*true/.test(info));
      else if (heard.includes('\n')) end(undefined);
    });
  });
}
