import type { AppAccess, HerokuAccess } from '../heroku/access.ts';
import { missing, ok, unanswered, unknown, wanting, type Check } from './check.ts';

const NEW_TOKEN = '`heroku authorizations:create --scope identity,read-protected,write-protected`';
const STORE = 'and store it as the secret HEROKU_TOKEN (`gh secret set HEROKU_TOKEN --env <environment>`)';

/** Which scopes include which: `write` reads, too, and what is protected includes what is not (Heroku Dev Center, "OAuth"). */
const INCLUDED_IN: Record<'read' | 'write' | 'read-protected' | 'write-protected', string[]> = {
  read: ['read', 'write', 'read-protected', 'write-protected', 'global'],
  write: ['write', 'write-protected', 'global'],
  'read-protected': ['read-protected', 'write-protected', 'global'],
  'write-protected': ['write-protected', 'global'],
};

/** The token, its scopes, its account and its rights on each app. `undefined`: no token was given. */
export function herokuChecks(access: HerokuAccess | undefined): Check[] {
  if (access === undefined) {
    return [missing('Heroku', 'Token', 'none was given', `Make one with ${NEW_TOKEN}, ${STORE}`)];
  }
  if (!access.known) {
    return [
      missing(
        'Heroku',
        'Token',
        'Heroku does not know it: it was revoked, has expired, or was cut when it was pasted',
        `Make a new one with ${NEW_TOKEN}, ${STORE}`,
      ),
    ];
  }
  return [
    ok('Heroku', 'Token', 'Heroku knows it'),
    ...scopeChecks(access.scopes),
    dynoCheck(access.scopes),
    ...accountChecks(access),
    ...access.apps.flatMap((app) => appChecks(app, access.account?.email)),
  ];
}

function scopeChecks(scopes: string[] | undefined): Check[] {
  const uses = {
    read: 'to look at apps, add-ons and domains',
    'read-protected': 'to read config vars, and with them the addresses of the databases',
    'write-protected': 'to change formation, maintenance mode and releases at the cutover, and to roll back',
  };
  return (['read', 'read-protected', 'write-protected'] as const).map((scope) => {
    const what = `Scope ${scope}, ${uses[scope]}`;
    const mend = `Make one with ${NEW_TOKEN}, ${STORE}`;
    if (scopes === undefined) {
      return unknown(
        'Heroku',
        what,
        'Heroku did not name the scopes of the token',
        'Look at them with `heroku authorizations:info <id>`',
      );
    }
    const seen = `the token has ${scopes.join(', ')}`;
    if (INCLUDED_IN[scope].some((one) => scopes.includes(one))) return ok('Heroku', what, seen);
    return missing('Heroku', what, seen, mend);
  });
}

/** Only some apps have such secrets, so that a token without it may be right: provision refuses where one is needed. */
function dynoCheck(scopes: string[] | undefined): Check {
  const what =
    'Scope write, to read once, from a one-off dyno, secrets that a buildpack makes and no config var holds (SECRET_KEY_BASE)';
  if (scopes !== undefined && INCLUDED_IN.write.some((one) => scopes.includes(one)))
    return ok('Heroku', what, `the token has ${scopes.join(', ')}`);
  return wanting(
    'Heroku',
    what,
    scopes === undefined ? 'Heroku did not name the scopes of the token' : 'the token lacks it',
    'Where the plan reads a secret from a dyno, give `staging` and `production-prepare` a token with it: ' +
      '`heroku authorizations:create --scope read-protected,write`. Or set the secret as a config var yourself',
  );
}

function accountChecks({ account, scopes }: HerokuAccess): Check[] {
  if (account === undefined) {
    return [
      unknown(
        'Heroku',
        'Account in good standing',
        scopes?.some((scope) => ['identity', 'global'].includes(scope)) === true
          ? 'Heroku did not answer'
          : 'the token may not read its own account: that takes the scope identity',
        `Make the token with ${NEW_TOKEN}, or look at https://dashboard.heroku.com/account/billing`,
      ),
    ];
  }
  const faults = [
    ...(account.suspended ? ['it is suspended'] : []),
    ...(account.delinquent ? ['it has an unpaid bill'] : []),
  ];
  return [
    faults.length === 0
      ? ok('Heroku', 'Account in good standing', 'neither suspended nor with an unpaid bill')
      : missing(
          'Heroku',
          'Account in good standing',
          faults.join(' and '),
          'https://dashboard.heroku.com/account/billing',
        ),
  ];
}

/** Rights of a team's app that a cutover uses (Heroku Dev Center, "App Permissions"). */
const NEEDED = ['deploy', 'operate'];

function appChecks({ app, state, why, team, own }: AppAccess, email: string | undefined): Check[] {
  const what = `App ${app}`;
  if (state === 'absent') {
    return [
      missing(
        'Heroku',
        what,
        'Heroku knows none of that name, or the account of the token is not admitted to it',
        `Correct heroku-app in migration.yml (\`heroku apps\` lists them), or let the account in: \`heroku access:add <e-mail> --app ${app}${team === null ? '' : ' --permissions deploy,operate,view'}\``,
      ),
    ];
  }
  if (state === 'forbidden') {
    return [missing('Heroku', what, why, `Make a token with ${NEW_TOKEN}, ${STORE}`)];
  }
  if (state === 'unread') {
    return [unanswered('Heroku', what, why, 'Run this again; https://status.heroku.com tells of trouble')];
  }
  const rights = `Rights on ${app}`;
  const invite = `heroku access:add ${email ?? '<e-mail>'} --app ${app} --permissions deploy,operate,view`;
  if (own === undefined) {
    return [
      ok('Heroku', what, 'seen'),
      unknown(
        'Heroku',
        rights,
        email === undefined
          ? 'whose token this is was not told: that takes the scope identity'
          : `${email} is not among its collaborators and may have its rights through the team`,
        `\`heroku access --app ${app}\` lists them; they are given with \`${invite}\``,
      ),
    ];
  }
  return [ok('Heroku', what, 'seen'), rightsCheck(rights, own, team, invite)];
}

/** Whoever works on an app of a person may do everything but delete it; a team gives rights one by one. */
function rightsCheck(
  what: string,
  { role, permissions }: NonNullable<AppAccess['own']>,
  team: string | null,
  invite: string,
): Check {
  if (['owner', 'admin'].includes(role) || (team === null && role === 'collaborator')) {
    return ok('Heroku', what, role);
  }
  const seen = `${role}${permissions.length === 0 ? '' : ` (${permissions.join(', ')})`}`;
  const lacking = NEEDED.filter((one) => !permissions.includes(one));
  if (lacking.length === 0) return ok('Heroku', what, seen);
  if (role === 'viewer' || permissions.length > 0) {
    return missing('Heroku', what, `${seen}: ${lacking.join(' and ')} missing`, `\`${invite}\``);
  }
  return wanting('Heroku', what, `${seen}, whose rights Heroku does not list`, `\`${invite}\``);
}
