import { z } from 'zod';
import { askUnofficially, tellUnofficially, type UnofficialAddress } from './unofficial.ts';

/** Whether a push to GitHub deploys the app by itself: a release in the window would start the old code again. */
export interface AutomaticDeploys {
  /** `unknown`: the published API does not tell, and the dashboard's address did not. */
  state: 'on' | 'off' | 'not-connected' | 'unknown';
  /** `owner/name` */
  repository: string | null;
  branch: string | null;
  waitForCi: boolean;
  /** Why it is unknown; empty otherwise. */
  why: string;
}

const integration = z.object({
  repo: z.string().nullable().optional(),
  branch: z.string().nullable().optional(),
  auto_deploy: z.boolean().nullable().optional(),
  wait_for_ci: z.boolean().nullable().optional(),
});

export function unknownDeploys(why: string): AutomaticDeploys {
  return { state: 'unknown', repository: null, branch: null, waitForCi: false, why };
}

/**
 * Reads the app's connection to GitHub where Heroku's dashboard does (`https://kolkrabbi.heroku.com` in earnest; also
 * terraform-provider-herokux, 2025-08-15). It never fails.
 */
export async function readAutomaticDeploys(
  address: UnofficialAddress,
  appId: string,
): Promise<AutomaticDeploys> {
  const found = await askUnofficially(address, `/apps/${encodeURIComponent(appId)}/github`, integration);
  if ('unknown' in found) return unknownDeploys(found.unknown);
  if ('missing' in found) {
    return { state: 'not-connected', repository: null, branch: null, waitForCi: false, why: '' };
  }
  const { repo = null, branch = null, auto_deploy: automatic, wait_for_ci: waits } = found.answer;
  if (typeof automatic !== 'boolean')
    return unknownDeploys('its answer does not say whether deploys are automatic');
  return { state: automatic ? 'on' : 'off', repository: repo, branch, waitForCi: waits ?? false, why: '' };
}

/**
 * Turns them off, or on again as they were, and reads whether they are (PATCH of the same address, as
 * terraform-provider-herokux has it). `undefined`: done; otherwise why not.
 */
export async function switchAutomaticDeploys(
  address: UnofficialAddress,
  appId: string,
  wanted: { on: boolean; branch: string | null; waitForCi: boolean },
): Promise<string | undefined> {
  const told = await tellUnofficially(address, 'PATCH', `/apps/${encodeURIComponent(appId)}/github`, {
    body: {
      auto_deploy: wanted.on,
      wait_for_ci: wanted.waitForCi,
      ...(wanted.branch === null ? {} : { branch: wanted.branch }),
    },
  });
  if ('unknown' in told) return told.unknown;
  const { state, why } = await readAutomaticDeploys(address, appId);
  if (state === 'unknown') return why;
  return (state === 'on') === wanted.on ? undefined : 'it does not take effect';
}
