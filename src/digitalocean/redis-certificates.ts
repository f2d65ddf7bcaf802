import { createHash, webcrypto } from 'node:crypto';
import { loadX509 } from '../x509.ts';
import { p256Key, p256Pem, signDeterministically, type P256Key } from './p256.ts';

/** A private CA for one Redis server; its key follows from a secret and is written nowhere. */
export interface RedisAuthority {
  pem: string;
  /** The server's certificate for one DNS name; clients verify that name, not the address. */
  issue(serverSeed: Buffer, serverName: string): Promise<{ certificate: string; key: string }>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const FIRST_YEAR = 2026;
const YEARS_VALID = 10;
const YEARS_UNTIL_NEXT = 5;

/**
 * Which certificates are made at a time: 1 until 2030, 2 from 2031 on, and so on every five years, each valid for ten
 * (the first 2026 to 2035). Fixed dates, so that every run arrives at the same certificates; each generation overlaps
 * the one before by five years, and a renewal may happen at any time of them.
 */
export function certificateGeneration(now: Date): number {
  return Math.max(1, 1 + Math.floor((now.getUTCFullYear() - FIRST_YEAR) / YEARS_UNTIL_NEXT));
}

/** When certificates of a generation begin and end. */
export function validity(generation: number): { notBefore: Date; notAfter: Date } {
  const year = FIRST_YEAR + (generation - 1) * YEARS_UNTIL_NEXT;
  return {
    notBefore: new Date(Date.UTC(year, 0, 1)),
    notAfter: new Date(Date.UTC(year + YEARS_VALID, 0, 1)),
  };
}

/**
 * The authority of a migration. Same seed, id and generation, same certificate to the last byte. Another generation has
 * other dates and the same key and name, so a client that trusts one of them accepts what either has signed.
 */
export async function redisAuthority(
  seed: Buffer,
  migrationId: string,
  generation = 1,
): Promise<RedisAuthority> {
  const x509 = await loadX509();
  const authority = p256Key(seed);
  const keys = await importKeys(authority);
  const name = `CN=heroku-to-digitalocean Redis CA of ${migrationId}`;
  const root = await x509.X509CertificateGenerator.create(
    {
      subject: name,
      issuer: name,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      serialNumber: serial(seed, name, generation),
      ...validity(generation),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    deterministicCrypto(authority),
  );

  return {
    pem: `${root.toString('pem')}\n`,
    issue: async (serverSeed, serverName) => {
      const server = p256Key(serverSeed);
      const serverKeys = await importKeys(server);
      const leaf = await x509.X509CertificateGenerator.create(
        {
          subject: `CN=${serverName}`,
          issuer: root.subject,
          publicKey: serverKeys.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: ALGORITHM,
          serialNumber: serial(serverSeed, serverName, generation),
          ...validity(generation),
          extensions: [
            new x509.BasicConstraintsExtension(false, undefined, true),
            new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
            new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
            new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: serverName }]),
            await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
            await x509.SubjectKeyIdentifierExtension.create(serverKeys.publicKey),
          ],
        },
        deterministicCrypto(authority),
      );
      return { certificate: `${leaf.toString('pem')}\n`, key: p256Pem(server) };
    },
  };
}

async function importKeys(key: P256Key): Promise<webcrypto.CryptoKeyPair> {
  const { kty, crv, x, y } = key.jwk;
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('jwk', key.jwk, ALGORITHM, false, ['sign']),
    webcrypto.subtle.importKey('jwk', { kty, crv, x, y }, ALGORITHM, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

/** Web Crypto as the certificate generator uses it, with signatures that are the same each time. */
function deterministicCrypto(key: P256Key): webcrypto.Crypto {
  const { subtle } = webcrypto;
  const sign = (_algorithm: unknown, _key: unknown, data: ArrayBuffer): Promise<Buffer> =>
    Promise.resolve(signDeterministically(key, Buffer.from(data)));
  const partial = {
    subtle: {
      sign,
      exportKey: subtle.exportKey.bind(subtle),
      importKey: subtle.importKey.bind(subtle),
      digest: subtle.digest.bind(subtle),
    },
  };
  return partial as unknown as webcrypto.Crypto;
}

/** Positive and below 20 bytes, as RFC 5280 asks. */
function serial(seed: Buffer, name: string, generation: number): string {
  const later = generation === 1 ? '' : `\0${generation}`;
  const bytes = createHash('sha256').update(seed).update(name).update(later).digest().subarray(0, 16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}
