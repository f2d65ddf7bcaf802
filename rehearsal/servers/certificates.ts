import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { loadX509 } from '../../src/x509.ts';

/** A server certificate and its private key, both PEM. */
export interface Certificate {
  certificate: string;
  key: string;
}

/** A certificate authority of the rehearsal's own; whoever holds its `pem` accepts what it issues, nobody else does. */
export interface Authority {
  name: string;
  pem: string;
  /** Issues a server certificate for host names (also `*.example.com`) and addresses. */
  issue(hosts: string[], validUntil?: Date): Promise<Certificate>;
  /** An authority below this one: a server that is to be trusted must send its `pem` along. */
  intermediate(name: string): Promise<Authority>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

/** Creates an authority that lives as long as the process; its key is never written anywhere. */
export async function createAuthority(name: string): Promise<Authority> {
  return createIssuer(name, undefined);
}

/** An authority that signs itself, or is signed by the one above it. */
async function createIssuer(
  name: string,
  above: { subject: string; keys: webcrypto.CryptoKeyPair } | undefined,
): Promise<Authority> {
  const x509 = await loadX509();
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const subject = new x509.Name([{ CN: [name] }]).toString();
  const own = await x509.X509CertificateGenerator.create({
    subject,
    issuer: above?.subject ?? subject,
    publicKey: keys.publicKey,
    signingKey: (above?.keys ?? keys).privateKey,
    signingAlgorithm: algorithm,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, above === undefined ? 1 : 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  return {
    name,
    pem: `${own.toString('pem')}\n`,
    intermediate: (below) => createIssuer(below, { subject, keys }),
    issue: async (hosts, validUntil) => {
      const leafKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const leaf = await x509.X509CertificateGenerator.create({
        subject: new x509.Name([{ CN: [hosts[0] ?? name] }]).toString(),
        issuer: own.subject,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        ...validity(validUntil),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(
            hosts.map((host) => ({ type: isIP(host) ? 'ip' : 'dns', value: host })),
          ),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
          await x509.SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
        ],
      });
      return { certificate: `${leaf.toString('pem')}\n`, key: await privateKeyPem(leafKeys.privateKey) };
    },
  };
}

/** Begins a day before now or its end, so that a clock that is a little behind does not refuse it. */
function validity(until = new Date(Date.now() + 90 * dayMs)): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Math.min(Date.now(), until.getTime()) - dayMs), notAfter: until };
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  return `${(await loadX509()).PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}
