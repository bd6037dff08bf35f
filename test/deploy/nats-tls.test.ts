import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClusterError } from '../../shared/errors.js';
import { silentLogger } from '../../shared/logger.js';
import { NatsLink } from '../../shared/nats/link.js';
import type { NatsOptions } from '../../shared/nats/options.js';
import { makeCertificates, WITHOUT_OPENSSL } from '../fixtures/certificates.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { credentialsOf, writeConfigs } from '../fixtures/secured-server.js';

describe('deploy/nats/tls.conf', { skip: WITHOUT_NATS || WITHOUT_OPENSSL }, () => {
  it('takes clients with a password and a certificate of the authority, and no others', async (test) => {
    const files = temporaryFolder(test);
    const { ca, cert, key } = makeCertificates(files);
    Object.assign(process.env, { LOPT_TLS_CERT: cert, LOPT_TLS_KEY: key, LOPT_TLS_CA: ca });
    const secure = await startServer(test, { config: writeConfigs(files, 'tls.conf') });
    const credentials = credentialsOf('worker');
    // the certificate is made out to a name
    const url = `nats://localhost:${new URL(secure.url).port}`;
    const open = (nats: Partial<NatsOptions>) =>
      NatsLink.connect({ nats: { url, ...nats }, name: 'lopt test', logger: silentLogger });
    const link = await open({ ...credentials, caFile: ca, certFile: cert, keyFile: key });
    test.after(() => link.close());
    assert.ok(link.control.connected);
    for (const nats of [
      { ...credentials },
      { ...credentials, caFile: ca },
      { ...credentials, certFile: cert, keyFile: key },
      { caFile: ca, certFile: cert, keyFile: key },
    ]) {
      await assert.rejects(open(nats), ClusterError, JSON.stringify(Object.keys(nats)));
    }
  });
});
