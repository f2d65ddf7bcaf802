import { expect, test } from '@jest/globals';
import { credentialOf, logDestinationOf, logServiceOf } from '../../src/digitalocean/log-destination.ts';

test.each([
  [
    'syslog+tls://logs7.papertrailapp.com:28123',
    { name: 'Papertrail', papertrail: { endpoint: 'logs7.papertrailapp.com:28123' } },
    undefined,
  ],
  [
    'https://http-intake.logs.datadoghq.eu/api/v2/logs/?dd-api-key=abc&ddsource=heroku&service=shop',
    { name: 'Datadog', datadog: { endpoint: 'https://http-intake.logs.datadoghq.eu', api_key: 'abc' } },
    'abc',
  ],
  [
    'https://s12.eu-nbg-2.betterstackdata.com/?source_token=t%2Bk',
    { name: 'Better Stack', logtail: { token: 't+k' } },
    't+k',
  ],
])('the drain %s has a twin on App Platform', (drain, expected, credential) => {
  const found = logDestinationOf(drain);
  expect(found).toEqual(expected);
  expect(found && credentialOf(found)).toBe(credential);
});

test.each([
  'https://in.logs.example.net/heroku?key=1',
  'syslog://logs7.papertrailapp.com',
  'https://http-intake.logs.datadoghq.com/api/v2/logs',
  'https://datadoghq.com.evil.example/?dd-api-key=abc',
  'no address',
])('%s has none', (drain) => {
  expect(logDestinationOf(drain)).toBeUndefined();
});

test('a host that only looks like a log service is nobody', () => {
  expect(logServiceOf('notpapertrailapp.com')).toBeUndefined();
  expect(logServiceOf('logs.papertrailapp.com')).toBe('Papertrail');
});
