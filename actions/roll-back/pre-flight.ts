import { describeRecords } from '../../src/dns/record.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { isParked, releaseSchema } from '../../src/heroku/release.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { changeableNewApp } from '../changeable-app.ts';
import { refuseUnlessWell, type Finding } from '../cutover/findings.ts';
import { changeableApp } from '../cutover/pre-flight.ts';
import type { Parties } from '../parties.ts';
import type { Past } from './past.ts';

/**
 * Whether Heroku can be brought back at all, before the new side is closed for it: afterwards neither would serve until
 * a person has mended what could have been known.
 */
export function lookBeforeGoingBack(parties: Parties, past: Past): Step {
  return defineStep({
    name: 'pre-flight',
    always: true,
    act: async () => {
      const findings = await Promise.all([
        changeableApp(parties),
        changeableNewApp(parties, 'advice'),
        knownRelease(parties, past),
        namesToReturn(parties, past),
      ]);
      return refuseUnlessWell(findings.flat(), parties.log, 'The way back');
    },
  });
}

async function knownRelease({ oldSide: { heroku, app } }: Parties, past: Past): Promise<Finding[]> {
  const id = past.releaseBefore();
  if (id === null) return [];
  const what = 'release that ran on Heroku before';
  if (!(await isParked(heroku, app))) return [{ what, found: 'not parked any more: what runs now stays' }];
  const release = await heroku.find(`/apps/${encodeURIComponent(app)}/releases/${id}`, releaseSchema);
  if (release?.slug != null) return [{ what, found: `v${release.version}` }];
  const found = release === undefined ? 'Heroku does not know it any more' : `v${release.version}, no slug`;
  return [{ what, found, remedy: `Deploy its commit to ${app} again; then run this again.` }];
}

/** The zone can still be read with these credentials; whether they may write, only writing tells. */
async function namesToReturn({ dns }: Parties, past: Past): Promise<Finding[]> {
  return Promise.all(
    [...past.movedNames, ...past.switchedOrigins].map(async (domain) => {
      const what = `DNS of ${domain}`;
      if (dns === undefined) {
        return {
          what,
          found: 'moved by the cutover, and migration.yml has no `dns` any more',
          remedy: 'Put the section `dns` back as it was.',
        };
      }
      try {
        return { what, found: describeRecords(await dns.readAddresses(domain)) };
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        return { what, found: `not readable in the zone ${dns.zone}`, remedy: error.message };
      }
    }),
  );
}
