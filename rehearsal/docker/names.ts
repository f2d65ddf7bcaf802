import dns from 'node:dns';
import type { LookupFunction } from 'node:net';

// Loaded into every process of a played container: the name service of its network. A closed network knows nobody else.

const { PLAYED_NAMES = '{}', PLAYED_INTERNAL = '' } = process.env;
const names = JSON.parse(PLAYED_NAMES) as Record<string, string>;
const beyond = dns.lookup.bind(dns) as unknown as LookupFunction;

const lookup: LookupFunction = (host, options, callback) => {
  const address = names[host] ?? ownAddress(host);
  if (address !== undefined) {
    if (options.all === true) callback(null, [{ address, family: 4 }]);
    else callback(null, address, 4);
    return;
  }
  if (PLAYED_INTERNAL === '') {
    beyond(host, options, callback);
    return;
  }
  const error: NodeJS.ErrnoException = new Error(`getaddrinfo EAI_AGAIN ${host}`);
  error.code = 'EAI_AGAIN';
  process.nextTick(() => callback(error, '', 4));
};

/** This machine's own stay what they are; any other address is nobody's in a closed network. */
function ownAddress(host: string): string | undefined {
  if (host === 'localhost') return '127.0.0.1';
  return /^(127\.|0\.0\.0\.0$)/.test(host) ? host : undefined;
}

Object.assign(dns, {
  lookup: (host: string, options: unknown, callback: unknown) =>
    typeof options === 'function'
      ? lookup(host, {}, options as Parameters<LookupFunction>[2])
      : lookup(
          host,
          typeof options === 'number' ? { family: options } : (options as Parameters<LookupFunction>[1]),
          callback as Parameters<LookupFunction>[2],
        ),
});
