import { createECDH, createHash, createPrivateKey, hkdfSync } from 'node:crypto';

/** The order of P-256's group (FIPS 186-4, D.1.2.3). */
const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/** A P-256 private key that follows from a secret: the same secret gives the same key on every machine. */
export interface P256Key {
  scalar: bigint;
  /** For Web Crypto. */
  jwk: { kty: 'EC'; crv: 'P-256'; x: string; y: string; d: string };
}

/** `seed`: at least 32 secret bytes. 48 bytes are drawn from it, so that the remainder has no bias worth naming. */
export function p256Key(seed: Buffer): P256Key {
  const wide = Buffer.from(hkdfSync('sha256', seed, '', 'heroku-to-digitalocean p256 key', 48));
  const scalar = (toNumber(wide) % (ORDER - 1n)) + 1n;
  const { x, y } = multiplyBase(scalar);
  return {
    scalar,
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: x.toString('base64url'),
      y: y.toString('base64url'),
      d: toBytes(scalar).toString('base64url'),
    },
  };
}

/** The key as PKCS #8 PEM, for a server's file. */
export function p256Pem(key: P256Key): string {
  return createPrivateKey({ key: key.jwk, format: 'jwk' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

/**
 * An ECDSA signature (r and s, 64 bytes) whose nonce follows from key and message instead of a random source, in the
 * spirit of RFC 6979. Node's own ECDSA is random, and a certificate that differs on each run would look like a change
 * of the application's environment. For certificates made on a runner; it does not run in constant time.
 */
export function signDeterministically(key: P256Key, message: Buffer): Buffer {
  const digest = createHash('sha256').update(message).digest();
  const wide = Buffer.from(
    hkdfSync('sha256', toBytes(key.scalar), digest, 'heroku-to-digitalocean p256 nonce', 48),
  );
  const nonce = (toNumber(wide) % (ORDER - 1n)) + 1n;
  const r = toNumber(multiplyBase(nonce).x) % ORDER;
  const hashed = toNumber(digest);
  const s = modulo(inverse(nonce) * (hashed + r * key.scalar));
  // A zero would need 2^256 attempts to meet; it would make the signature useless, so it is refused.
  if (r === 0n || s === 0n)
    throw new Error('This key cannot sign this message: raise the version of its secret.');
  return Buffer.concat([toBytes(r), toBytes(s)]);
}

/** A signature of `signDeterministically` in the form that OpenSSL reads: a sequence of two integers. */
export function derSignature(signature: Buffer): Buffer {
  const integer = (bytes: Buffer): Buffer => {
    const start = bytes.findIndex((byte) => byte !== 0);
    const short = bytes.subarray(start < 0 ? bytes.length - 1 : start);
    // A first bit that is set would make it negative.
    const value = (short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short;
    return Buffer.concat([Buffer.from([0x02, value.length]), value]);
  };
  const pair = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, pair.length]), pair]);
}

/** `scalar` times the base point, which is what making a public key is. */
function multiplyBase(scalar: bigint): { x: Buffer; y: Buffer } {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(toBytes(scalar));
  // 0x04, then both coordinates.
  const point = curve.getPublicKey();
  return { x: point.subarray(1, 33), y: point.subarray(33, 65) };
}

function inverse(value: bigint): bigint {
  // Fermat: the order is prime.
  let result = 1n;
  let base = modulo(value);
  for (let exponent = ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = modulo(result * base);
    base = modulo(base * base);
  }
  return result;
}

function modulo(value: bigint): bigint {
  return ((value % ORDER) + ORDER) % ORDER;
}

function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}
