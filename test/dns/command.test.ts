import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { commandProvider } from '../../src/dns/command.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { impatientClock, keepingLog } from './impatient-clock.ts';

let directory: string;
const SECRET = 'secret-of-the-command-0001';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dns-command-'));
  writeFileSync(join(directory, 'zone.json'), '{"records":[],"texts":[]}');
  writeFileSync(join(directory, 'dns.mjs'), WELL_BEHAVED);
});

afterAll(() => rmSync(directory, { recursive: true }));

/** What docs/dns.md asks of a command, in twenty lines. */
const WELL_BEHAVED = `
import { readFileSync, writeFileSync } from 'node:fs';
const file = process.argv[2];
const request = JSON.parse(readFileSync(0, 'utf8'));
const zone = JSON.parse(readFileSync(file, 'utf8'));
writeFileSync(file + '.seen', JSON.stringify({ env: process.env, argv: process.argv, request }));
const answer = (value, keep = zone) => {
  writeFileSync(file, JSON.stringify(keep));
  process.stdout.write(JSON.stringify(value));
};
if (request.verb === 'read') answer(zone);
if (request.verb === 'write') {
  const changed = JSON.stringify(zone.records) !== JSON.stringify(request.records);
  answer({ changed }, { ...zone, records: request.records });
}
if (request.verb === 'ensure-text') {
  const changed = !zone.texts.includes(request.value);
  answer({ changed }, { ...zone, texts: [...new Set([...zone.texts, request.value])] });
}
if (request.verb === 'remove-text')
  answer({ changed: true }, { ...zone, texts: zone.texts.filter((one) => one !== request.value) });
`;

function open(command: string, patienceMs?: number): DnsProvider {
  return commandProvider({
    command,
    zone: 'example.com',
    secret: SECRET,
    environment: {
      ...process.env,
      DNS_REGION: 'eu',
      'INPUT_HEROKU-TOKEN': 'HRKU-0001',
      DIGITALOCEAN_TOKEN: 'dop-0001',
      ACTIONS_RUNTIME_TOKEN: 'runner-0001',
    },
    log: keepingLog(),
    clock: impatientClock(),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
}
const script = (text: string): string => `node -e ${JSON.stringify(text)}`;
const shop = 'shop.example.com';
const toApp = [{ type: 'CNAME' as const, data: 'app.ondigitalocean.app', ttl: 30 }];

test('reads, writes, and says when nothing was changed; the secret is handed over, and nothing of ours', async () => {
  const file = join(directory, 'zone.json');
  const dns = open(`node ${join(directory, 'dns.mjs')} ${file}`);
  expect(await dns.readAddresses(shop)).toEqual([]);
  expect(await dns.writeAddresses(shop, toApp)).toBe(true);
  expect(await dns.writeAddresses(shop, toApp)).toBe(false);
  expect(await dns.readAddresses(shop)).toEqual(toApp);
  expect(await dns.ensureText(shop, 'proof', 60)).toBe(true);
  expect(await dns.hasText(shop, 'proof')).toBe(true);
  await dns.removeText(shop, 'proof');
  expect(await dns.hasText(shop, 'proof')).toBe(false);

  const seen = JSON.parse(readFileSync(`${file}.seen`, 'utf8')) as {
    env: Record<string, string>;
    argv: string[];
    request: object;
  };
  expect(seen.request).toEqual({ version: 1, verb: 'read', zone: 'example.com', name: shop });
  expect(seen.env).toMatchObject({ DNS_COMMAND_SECRET: SECRET, DNS_REGION: 'eu' });
  expect(Object.keys(seen.env).filter((name) => /TOKEN|INPUT_|GITHUB_/.test(name))).toEqual([]);
  expect(seen.argv.join(' ')).not.toContain(SECRET);
});

describe('what goes wrong is told', () => {
  const said = async (command: string, patienceMs?: number): Promise<string> => {
    const error: unknown = await open(command, patienceMs)
      .readAddresses(shop)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  };

  test('it is not there', async () => {
    expect(await said('/nowhere/dns')).toMatch(/could not be started \(ENOENT\) \(read shop/);
  });

  test('it refuses, in words of its own', async () => {
    expect(await said(script('console.error("no such zone"); process.exit(2)'))).toMatch(
      /refuses read shop\.example\.com\. It said: no such zone/,
    );
  });

  test('it fails', async () => {
    expect(await said(script('process.exit(7)'))).toMatch(/ended with 7 .*It said nothing/);
  });

  test('it answers with something else', async () => {
    expect(await said(script('console.log("ok")'))).toMatch(/no JSON/);
    expect(await said(script('console.log(JSON.stringify({ records: [{ type: "MX" }] }))'))).toMatch(
      /another shape .*records\.0\.type/,
    );
  });

  test('it does not end', async () => {
    expect(await said(script('setInterval(() => 0, 1000)'), 300)).toMatch(/had not ended after 0\.3 s/);
  });

  test('it asks to be run again, for ever', async () => {
    expect(await said(script('process.exit(75)'))).toMatch(/ended with 75/);
  });

  test('it says that it wrote and did not', async () => {
    const lies = open(
      script('process.stdin.resume(); console.log(JSON.stringify({ changed: true, records: [] }))'),
    );
    await expect(lies.writeAddresses(shop, toApp)).rejects.toThrow(/reading shows other records/);
  });
});

test('an exit with 75 is tried again and may then do', async () => {
  const mark = join(directory, 'second');
  const again = `const fs = require('fs'); if (!fs.existsSync('${mark}')) { fs.writeFileSync('${mark}', ''); process.exit(75); } console.log(JSON.stringify({ records: [] }))`;
  expect(await open(script(again)).readAddresses(shop)).toEqual([]);
});
