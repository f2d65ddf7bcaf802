import { expect, test } from '@jest/globals';
import { createUnknowns } from '../../actions/assess/unknowns.ts';
import { DigitalOceanError } from '../../src/digitalocean/refusal.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { HerokuError, UnknownTokenError } from '../../src/heroku/refusal.ts';
import { unknownApp } from '../../src/heroku/unknown-app.ts';
import { PostgresError } from '../../src/postgres/errors.ts';
import { RedisError } from '../../src/redis/errors.ts';

const failing = (error: Error) => () => Promise.reject(error);
const server = { status: 503, id: 'unavailable', requestId: undefined };

function unknownsOf(signal = new AbortController().signal): ReturnType<typeof createUnknowns> {
  return createUnknowns({ signal, redact: (text) => text.replaceAll('s3cret', '***') });
}

test.each([
  new ConfigurationError('the password s3cret was refused'),
  new HerokuError('Heroku answered with 503', server),
  new DigitalOceanError('DigitalOcean answered with 503', server),
  new PostgresError('write EPROTO', 'EPROTO'),
  new RedisError('ERR something new'),
])('%s is told, without what is masked, and the run goes on', async (error) => {
  const unknowns = unknownsOf();
  expect(await unknowns.orTell('the database', failing(error))).toBeUndefined();
  expect(unknowns.found).toEqual([`the database: ${error.message.replace('s3cret', '***')}`]);
});

test.each([
  new TypeError('x is undefined'),
  new Error('Postgres answered a question about itself without a row.'),
  new UnknownTokenError('Heroku does not know the token'),
  unknownApp('shpo'),
])('%s ends the run', async (error) => {
  const unknowns = unknownsOf();
  await expect(unknowns.orTell('the database', failing(error))).rejects.toBe(error);
  expect(unknowns.found).toEqual([]);
});

test('a cancelled run ends, although its reason looks like something to mend', async () => {
  const cancelled = new AbortController();
  const reason = new ConfigurationError('This run was cancelled.');
  const unknowns = unknownsOf(cancelled.signal);
  const reading = unknowns.orTell('the database', () => {
    cancelled.abort(reason);
    return Promise.reject(reason);
  });
  await expect(reading).rejects.toBe(reason);
  expect(unknowns.found).toEqual([]);
});
