import type { EnvironmentSettings, RepositorySettings, Seen } from '../github/repository-settings.ts';
import { missing, ok, unknown, wanting, type Check } from './check.ts';

/** A GitHub environment that the workflows name. */
export interface NeededEnvironment {
  name: string;
  /** `reviewed`: the cutover of a protected environment, which waits for an approval. */
  kind: 'open' | 'reviewed';
}

export interface GitHubFacts {
  /** `owner/name`; empty outside of GitHub. */
  repository: string;
  /** `https://github.com` */
  server: string;
  /** `undefined`: no token was given, or this is no run of GitHub's. */
  settings: RepositorySettings | undefined;
  environments: NeededEnvironment[];
}

const SECRETS = ['HEROKU_TOKEN', 'DIGITALOCEAN_TOKEN', 'MIGRATION_KEY'] as const;

/** Which environments the shipped workflows name: a protected one is prepared in an environment of its own. */
export function neededEnvironments(
  environments: readonly { name: string; protected: boolean }[],
): NeededEnvironment[] {
  return environments.flatMap(({ name, protected: isProtected }): NeededEnvironment[] =>
    isProtected
      ? [
          { name: `${name}-prepare`, kind: 'open' },
          { name, kind: 'reviewed' },
        ]
      : [{ name, kind: 'open' }],
  );
}

export function githubChecks(facts: GitHubFacts): Check[] {
  const { settings, repository } = facts;
  if (settings === undefined || repository === '') {
    return [
      unknown(
        'GitHub',
        'Repository',
        repository === '' ? 'this is no run of a workflow' : 'no token was given',
        'Run this in a workflow with the input github-token and `permissions: actions: read`',
      ),
    ];
  }
  if (settings.repository.state !== 'seen') {
    return [
      unknown(
        'GitHub',
        `Repository ${repository}`,
        settings.repository.state === 'absent' ? 'the token cannot see it' : settings.repository.why,
        'Give the input github-token as `${{ github.token }}`, or a fine-grained token that may see the repository',
      ),
    ];
  }
  const page = `${facts.server}/${repository}/settings`;
  return [
    ...facts.environments.flatMap((needed) => {
      const found = settings.environments.find(({ name }) => name === needed.name);
      return found === undefined ? [] : environmentChecks(needed, found, facts, settings, page);
    }),
    ...actionsChecks(settings, repository, page),
    ...variableChecks(settings, repository),
  ];
}

function environmentChecks(
  needed: NeededEnvironment,
  found: EnvironmentSettings,
  { repository }: GitHubFacts,
  settings: RepositorySettings,
  page: string,
): Check[] {
  const { name, kind } = needed;
  const what = `Environment ${name}`;
  const { rules } = found;
  if (rules.state === 'absent') {
    return [
      missing(
        'GitHub',
        what,
        'there is none, and the first workflow to name it would make an open one',
        `\`gh api --method PUT repos/${repository}/environments/${name}\`, or ${page}/environments/new`,
      ),
    ];
  }
  if (rules.state === 'unknown') {
    return [notSeen(what, rules), ...secretChecks(needed, found, settings, repository)];
  }
  return [
    ok('GitHub', what, 'exists'),
    ...(kind === 'reviewed'
      ? reviewChecks(name, rules.value, settings, page)
      : [openCheck(name, rules.value, page)]),
    ...secretChecks(needed, found, settings, repository),
  ];
}

type Rules = Extract<EnvironmentSettings['rules'], { state: 'seen' }>['value'];

/** The gate refuses whatever is missing here, but for the bypass, which it refuses in a second attempt. */
function reviewChecks(name: string, rules: Rules, settings: RepositorySettings, page: string): Check[] {
  const where = `${page}/environments → ${name}`;
  const reviewers = `Environment ${name}: required reviewers`;
  const isPrivate = settings.repository.state === 'seen' && settings.repository.value.private;
  if (rules.reviewers === 0 && isPrivate) {
    return [
      wanting(
        'GitHub',
        reviewers,
        'none; in a private repository only GitHub Enterprise has them',
        `With Enterprise: add them at ${where}. Without: take the second dispatch, where another person starts cutover.yml and enters the plan digest`,
      ),
    ];
  }
  return [
    rules.reviewers > 0
      ? ok('GitHub', reviewers, String(rules.reviewers))
      : missing('GitHub', reviewers, 'none', `Add at least one at ${where}`),
    rules.preventsSelfReview
      ? ok('GitHub', `Environment ${name}: self-review`, 'prevented')
      : missing(
          'GitHub',
          `Environment ${name}: self-review`,
          'who starts a run may approve it',
          `Tick "Prevent self-review" at ${where}`,
        ),
    branchCheck(name, rules, settings, where, page),
    rules.administratorsMayBypass
      ? wanting(
          'GitHub',
          `Environment ${name}: administrators`,
          'may bypass the approval; the gate then refuses a second attempt of a run',
          `Untick "Allow administrators to bypass configured protection rules" at ${where}`,
        )
      : ok('GitHub', `Environment ${name}: administrators`, 'may not bypass the approval'),
  ];
}

function branchCheck(
  name: string,
  rules: Rules,
  { defaultBranchProtected, repository }: RepositorySettings,
  where: string,
  page: string,
): Check {
  const what = `Environment ${name}: deployment branches`;
  if (rules.branches === 'any') {
    return missing(
      'GitHub',
      what,
      'any branch may deploy',
      `Choose "Protected branches only", or name the branch, at ${where}`,
    );
  }
  if (rules.branches === 'named') return ok('GitHub', what, 'named ones only');
  const branch = repository.state === 'seen' ? repository.value.defaultBranch : 'the default branch';
  if (defaultBranchProtected.state === 'seen' && !defaultBranchProtected.value) {
    return missing(
      'GitHub',
      what,
      `protected ones only, and ${branch} is not protected: nothing could be deployed`,
      `Protect ${branch} at ${page}/branches`,
    );
  }
  return ok('GitHub', what, 'protected ones only');
}

function openCheck(name: string, rules: Rules, page: string): Check {
  const what = `Environment ${name}: without reviewers`;
  return rules.reviewers === 0
    ? ok('GitHub', what, 'nobody is waited for')
    : wanting(
        'GitHub',
        what,
        'every job in it, those on a schedule too, waits for an approval',
        `Remove its reviewers at ${page}/environments → ${name}`,
      );
}

function secretChecks(
  { name, kind }: NeededEnvironment,
  found: EnvironmentSettings,
  settings: RepositorySettings,
  repository: string,
): Check[] {
  const wide = [settings.secrets, settings.organizationSecrets];
  return SECRETS.map((secret) => {
    const what = `Secret ${secret} for ${name}`;
    const set = `\`gh secret set ${secret} --env ${name} --repo ${repository}\``;
    if (has(found.secrets, secret)) return ok('GitHub', what, 'in the environment');
    if (wide.some((where) => has(where, secret))) {
      return kind === 'open' && !name.endsWith('-prepare')
        ? ok('GitHub', what, 'for the whole repository')
        : wanting(
            'GitHub',
            what,
            'for the whole repository: every workflow on every branch gets it, before any approval',
            `${set}, then remove the other`,
          );
    }
    const hidden = [found.secrets, ...wide].find((where) => where.state === 'unknown');
    if (hidden !== undefined) return notSeen(what, hidden);
    const key =
      secret === 'MIGRATION_KEY' ? ' (the same key in every environment: `openssl rand -hex 32`)' : '';
    return missing('GitHub', what, 'there is none of that name', `${set}${key}`);
  });
}

function actionsChecks(settings: RepositorySettings, repository: string, page: string): Check[] {
  const { actions, workflows } = settings;
  const where = `${page}/actions`;
  return [
    actions.state !== 'seen'
      ? notSeen('Actions allowed', actions)
      : !actions.value.enabled
        ? missing('GitHub', 'Actions allowed', 'Actions are switched off', `Switch them on at ${where}`)
        : actions.value.allowed === 'all'
          ? ok('GitHub', 'Actions allowed', 'all')
          : unknown(
              'GitHub',
              'Actions allowed',
              `${actions.value.allowed === 'selected' ? 'only some' : 'only those of the same owner'}; which ones was not looked at`,
              `Allow this suite, actions/* and docker/* at ${where}`,
            ),
    ...(workflows.state !== 'seen'
      ? [notSeen('What workflows may do', workflows)]
      : [
          workflows.value.mayCreatePullRequests
            ? ok('GitHub', 'Workflows may create pull requests', 'yes')
            : wanting(
                'GitHub',
                'Workflows may create pull requests',
                'no: `init` cannot open its pull request with the token of a job',
                `Tick "Allow GitHub Actions to create and approve pull requests" at ${where}, or \`gh api --method PUT repos/${repository}/actions/permissions/workflow -F can_approve_pull_request_reviews=true\``,
              ),
          workflows.value.defaultPermissions === 'read'
            ? ok('GitHub', 'Permissions of workflows that name none', 'read')
            : wanting(
                'GitHub',
                'Permissions of workflows that name none',
                `${workflows.value.defaultPermissions}; those of this suite name theirs`,
                `Choose "Read repository contents and packages permissions" at ${where}`,
              ),
        ]),
  ];
}

/** What the shipped workflows read when nobody types it: a schedule has no inputs. */
const VARIABLES = {
  MIGRATION_APPLICATION: ['the scheduled workflows do nothing without it', '<application of migration.yml>'],
  IMAGE_REPOSITORY: [
    'where the image is pushed, unless it is given as an input',
    'registry.digitalocean.com/<registry>/<application>',
  ],
} as const;

function variableChecks(settings: RepositorySettings, repository: string): Check[] {
  const everywhere = [settings.variables, ...settings.environments.map(({ variables }) => variables)];
  return Object.entries(VARIABLES).map(([name, [use, example]]) => {
    const what = `Variable ${name}`;
    if (everywhere.some((where) => has(where, name))) return ok('GitHub', what, 'set');
    const hidden = everywhere.find((where) => where.state === 'unknown');
    if (hidden !== undefined) return notSeen(what, hidden);
    return wanting(
      'GitHub',
      what,
      `not set: ${use}`,
      `\`gh variable set ${name} --repo ${repository} --body ${example}\``,
    );
  });
}

function has(where: Seen<string[]>, name: string): boolean {
  return where.state === 'seen' && where.value.some((one) => one.toUpperCase() === name);
}

/** Whatever the doctor's token may not see, the job that needs it sees by itself: so it fails nothing. */
function notSeen(what: string, seen: Seen<unknown>): Check {
  const { why, permission } =
    seen.state === 'unknown' ? seen : { why: 'GitHub shows none', permission: 'Metadata: read' };
  const own = ['Actions: read', 'Contents: read'].includes(permission)
    ? `Give the job \`permissions: ${permission.toLowerCase()}\``
    : `No job's own token can have it: give the input github-token a fine-grained token with ${permission}, or look under Settings yourself`;
  return unknown('GitHub', what, why, own);
}
