import { afterEach, expect, test } from '@jest/globals';
import { stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { findRubySidekiq } from '../../../rehearsal/servers/ruby-sidekiq.ts';
import { silentLog } from '../../../src/log.ts';

afterEach(stopAll);

test('where there is no apt, it says so', async () => {
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  try {
    expect(await findRubySidekiq(silentLog, temporaryDirectory('cache'))).toEqual({
      missing: expect.stringMatching(/^Debian's ruby-sidekiq and ruby-sidekiq-cron cannot be had here: .+/),
    });
  } finally {
    process.env['PATH'] = PATH;
  }
});
