import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** The client's part of SCRAM-SHA-256 (RFC 5802, RFC 7677) as Postgres speaks it, without channel binding. */
export interface Scram {
  first: string;
  /** Answers what the server said first. */
  answer(serverFirst: string): Promise<string>;
  /** Throws when the server does not know the password either. */
  verify(serverFinal: string): void;
}

/** So many rounds are no server's choice, and would keep the dyno busy. */
const MOST_ROUNDS = 1_000_000;

export function startScram(password: string): Scram {
  const nonce = randomBytes(18).toString('base64');
  // Postgres takes the user's name from the start of the session.
  const bare = `n=,r=${nonce}`;
  let expected: Buffer | undefined;
  return {
    first: `n,,${bare}`,
    answer: async (serverFirst) => {
      const said = attributes(serverFirst);
      const [both, salt, rounds] = [said.get('r') ?? '', said.get('s') ?? '', Number(said.get('i'))];
      if (!both.startsWith(nonce) || both === nonce || salt === '' || !(rounds >= 1 && rounds <= MOST_ROUNDS))
        throw new Error('The server’s challenge is not understood.');
      const salted = await promisify(pbkdf2)(
        password.normalize('NFKC'),
        Buffer.from(salt, 'base64'),
        rounds,
        32,
        'sha256',
      );
      const clientKey = hmac(salted, 'Client Key');
      const withoutProof = `c=${Buffer.from('n,,').toString('base64')},r=${both}`;
      const all = `${bare},${serverFirst},${withoutProof}`;
      const signature = hmac(createHash('sha256').update(clientKey).digest(), all);
      expected = hmac(hmac(salted, 'Server Key'), all);
      const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
      return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
    },
    verify: (serverFinal) => {
      const said = Buffer.from(attributes(serverFinal).get('v') ?? '', 'base64');
      if (expected === undefined || said.length !== expected.length || !timingSafeEqual(said, expected))
        throw new Error('The server did not prove that it knows the password.');
    },
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** `r=…,s=…,i=…`; a value may hold the equals sign. */
function attributes(message: string): Map<string, string> {
  return new Map(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}
