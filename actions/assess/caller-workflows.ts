import type { ProposedFile } from '../../src/github/pull-request.ts';
import { yamlText } from '../../src/migration/yaml-text.ts';

/** Where the reusable workflows are: in the repository of the action that runs. */
export interface SuiteReference {
  /** `owner/heroku-to-digitalocean`. */
  repository: string;
  /** A commit where it could be found out, else what the calling workflow names. */
  ref: string;
  /** What the calling workflow names, when that is not the commit: `v1.0.0`. */
  version: string | undefined;
}

export interface CallerOptions {
  suite: SuiteReference;
  application: string;
  /** Keys of migration.yml; the shipped workflows know `staging` and `production`. */
  environments: readonly string[];
  /** Path of migration.yml. */
  config: string;
}

export const USUAL_CONFIG = 'migration.yml';

/**
 * The workflows of the user's repository that call the shipped ones, as examples/ has them. Their schedules are commented:
 * nothing may begin to move because a pull request was merged.
 */
export function callerWorkflows(options: CallerOptions): ProposedFile[] {
  const has = (name: string): boolean => options.environments.includes(name);
  const both = has('staging') && has('production');
  return [
    ...(has('staging') ? [file('migrate', options, migrate(both))] : []),
    ...(has('staging') || has('production')
      ? [file('probe', options, probe(['staging', 'production'].filter(has)))]
      : []),
    ...(has('staging') ? [file('rehearse-staging', options, rehearse(both))] : []),
    ...(has('production') ? [file('catch-up', options, CATCH_UP)] : []),
    ...(has('staging') || has('production')
      ? [
          file('roll-back', options, rollBack(['production', 'staging'].filter(has))),
          file('finalize', options, finalize(['staging', 'production'].filter(has))),
          file('destroy', options, destroy(['staging', 'production'].filter(has))),
        ]
      : []),
  ];
}

interface Caller {
  title: string;
  comments: string[];
  triggers: string[];
  job: string;
  permissions: string[];
  /** Of the shipped ones. */
  calls: string;
  inputs: string[];
  /** All three unless given. */
  secrets?: string[];
  /** A job that signs what the first one wrote. */
  attests?: true;
}

const SECRETS = ['HEROKU_TOKEN', 'DIGITALOCEAN_TOKEN', 'MIGRATION_KEY'];
/** Of who serves the zone, where that is not DigitalOcean. */
const OF_THE_ZONE = ['CLOUDFLARE_TOKEN', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'DNS_COMMAND_SECRET'];
/** Where milestones are told, for the workflows that reach any; empty unless somebody sets them. */
const WITH_NOTICES = [...SECRETS, ...OF_THE_ZONE, 'NOTIFY_SLACK_URL', 'NOTIFY_WEBHOOK_URL'];
/** Of checks that log in, and of a registry that is not DigitalOcean's, for the workflows that prepare. */
const PREPARING = [...WITH_NOTICES, 'CHECK_SECRETS', 'REGISTRY_USERNAME', 'REGISTRY_PASSWORD'];
const CONTENTS = 'contents: read # to check out migration.yml';

/** What is tried on the day before. */
const OF_THE_CUTOVER = [
  '    dry-run:',
  "      description: Production's cutover only checks what can be checked and prints the timeline to expect; it changes nothing",
  '      type: boolean',
  '      default: false',
  '    notify-test:',
  "      description: Production's cutover only sends a test on every channel that is told, and does nothing else",
  '      type: boolean',
  '      default: false',
];

function migrate(both: boolean): Caller {
  return {
    title: 'Migrate to DigitalOcean',
    comments: [
      'No concurrency group here: the called workflow has one for each application and would wait for its own caller.',
    ],
    triggers: [
      'workflow_dispatch:',
      '  inputs:',
      '    through:',
      '      description: How far to go',
      '      type: choice',
      `      options: [${both ? 'staging, prepare, production' : 'staging'}]`,
      '      default: staging',
      ...(both ? OF_THE_CUTOVER : []),
    ],
    job: 'migrate',
    permissions: [CONTENTS, "actions: read # to read the environment's rules and this run's approvals"],
    calls: 'migrate',
    secrets: PREPARING,
    inputs: [
      'through: ${{ inputs.through }}',
      ...(both ? ['dry-run: ${{ inputs.dry-run }}', 'notify-test: ${{ inputs.notify-test }}'] : []),
    ],
    ...(both ? { attests: true } : {}),
  };
}

/** Without production there is nothing to take a shadow of. */
function rehearse(both: boolean): Caller {
  return {
    title: 'Rehearse',
    comments: ['A file of its own: GitHub disables a whole file when its schedule sleeps.'],
    triggers: [
      '# Every week, so that the night of the cutover is not the first time, and its gate finds a recent rehearsal.',
      '# schedule:',
      "#   - cron: '23 4 * * 1' # full; never on the hour: then schedules are late or dropped",
      ...(both ? ["#   - cron: '37 3 * * 6' # shadow"] : []),
      'workflow_dispatch:',
      '  inputs:',
      '    depth:',
      '      description: How far to go',
      '      type: choice',
      `      options: [${both ? 'copy, full, shadow' : 'copy, full'}]`,
      '      default: copy',
    ],
    job: 'rehearse',
    permissions: [
      CONTENTS,
      'actions: read # to look up how far off the last rehearsal was',
      'issues: write # to keep one issue for as long as a rehearsal does not pass',
    ],
    calls: 'rehearse-staging',
    secrets: PREPARING,
    inputs: [
      both
        ? "depth: ${{ inputs.depth || (github.event.schedule == '37 3 * * 6' && 'shadow') || 'full' }} # a schedule has no inputs"
        : "depth: ${{ inputs.depth || 'full' }} # a schedule has no inputs",
    ],
  };
}

const CATCH_UP: Caller = {
  title: 'Catch up',
  comments: [],
  triggers: [
    '# Once production is prepared with the live strategy: every hour.',
    '# schedule:',
    "#   - cron: '17 * * * *' # never on the hour: then schedules are late or dropped",
    'workflow_dispatch:',
    '  inputs:',
    '    command:',
    "      description: '`catch-up`, or `uninstall`: give the live strategy up and remove it from Heroku'",
    '      type: choice',
    '      options: [catch-up, uninstall]',
    '      default: catch-up',
  ],
  job: 'catch-up',
  permissions: [CONTENTS],
  calls: 'catch-up',
  inputs: ["command: ${{ inputs.command || 'catch-up' }} # a schedule has no inputs"],
};

function rollBack(environments: string[]): Caller {
  return {
    title: 'Roll back to Heroku',
    comments: [],
    triggers: [
      'workflow_dispatch:',
      '  inputs:',
      '    environment:',
      '      description: Which environment to take back',
      '      type: choice',
      `      options: [${environments.join(', ')}]`,
      '    dry-run:',
      '      description: Only say which way back there is, and change nothing',
      '      type: boolean',
      '      default: false',
    ],
    job: 'roll-back',
    permissions: [CONTENTS],
    calls: 'roll-back',
    secrets: WITH_NOTICES,
    inputs: ['environment: ${{ inputs.environment }}', 'dry-run: ${{ inputs.dry-run }}'],
  };
}

function probe(environments: string[]): Caller {
  return {
    title: 'Probe the platforms',
    comments: [],
    triggers: [
      'workflow_dispatch:',
      '  inputs:',
      '    environment:',
      '      description: Whose accounts, region and zone are asked',
      '      type: choice',
      `      options: [${environments.join(', ')}]`,
      '    dry-run:',
      '      description: Only list what would be made and what it costs',
      '      type: boolean',
      '      default: true',
    ],
    job: 'probe',
    permissions: [CONTENTS],
    calls: 'probe',
    inputs: ['environment: ${{ inputs.environment }}', 'dry-run: ${{ inputs.dry-run }}'],
    secrets: ['HEROKU_TOKEN', 'DIGITALOCEAN_TOKEN', ...OF_THE_ZONE],
  };
}

function destroy(environments: string[]): Caller {
  return {
    title: 'Destroy the new side',
    comments: [],
    triggers: [
      'workflow_dispatch:',
      '  inputs:',
      '    environment:',
      '      description: Whose new side goes, its data too',
      '      type: choice',
      `      options: [${environments.join(', ')}]`,
      '    confirm:',
      "      description: The environment's name again",
      '      type: string',
      "      default: ''",
      '    dry-run:',
      '      description: Only list what would be removed',
      '      type: boolean',
      '      default: true',
    ],
    job: 'destroy',
    permissions: [CONTENTS],
    calls: 'destroy',
    inputs: [
      'environment: ${{ inputs.environment }}',
      'confirm: ${{ inputs.confirm }}',
      'dry-run: ${{ inputs.dry-run }}',
    ],
    secrets: ['HEROKU_TOKEN', 'DIGITALOCEAN_TOKEN', ...OF_THE_ZONE],
  };
}

function finalize(environments: string[]): Caller {
  return {
    title: 'End the way back to Heroku',
    comments: [],
    triggers: [
      'workflow_dispatch:',
      '  inputs:',
      '    environment:',
      '      description: Whose way back ends, for good',
      '      type: choice',
      `      options: [${environments.join(', ')}]`,
      '    confirm:',
      "      description: The environment's name again",
      '      type: string',
      "      default: ''",
      '    dry-run:',
      '      description: Only say what would be done',
      '      type: boolean',
      '      default: true',
    ],
    job: 'finalize',
    permissions: [CONTENTS],
    calls: 'finalize',
    inputs: [
      'environment: ${{ inputs.environment }}',
      'confirm: ${{ inputs.confirm }}',
      'dry-run: ${{ inputs.dry-run }}',
    ],
    secrets: ['HEROKU_TOKEN', 'DIGITALOCEAN_TOKEN', 'MIGRATION_KEY'],
  };
}

function file(name: string, { suite, application, config }: CallerOptions, caller: Caller): ProposedFile {
  // A second application of the same repository needs files of its own.
  const suffix = config === USUAL_CONFIG ? '' : `-${application}`;
  const version = suite.version === undefined ? '' : ` # ${suite.version}`;
  const pinned = (called: string): string =>
    `${suite.repository}/.github/workflows/${called}.yml@${suite.ref}${version}`;
  const lines = [
    ...caller.comments.map((comment) => `# ${comment}`),
    `name: ${caller.title}${suffix === '' ? '' : ` (${application})`}`,
    '',
    'on:',
    ...indented(2, caller.triggers),
    '',
    'permissions: {}',
    '',
    'jobs:',
    `  ${caller.job}:`,
    '    permissions:',
    ...indented(6, caller.permissions),
    `    uses: ${pinned(caller.calls)}`,
    '    with:',
    `      application: ${yamlText(application)}`,
    ...(config === USUAL_CONFIG ? [] : [`      config: ${yamlText(config)}`]),
    ...indented(6, caller.inputs),
    '    secrets: # their values stand in the environments; a name that is not passed would be empty there',
    ...indented(
      6,
      (caller.secrets ?? SECRETS).map((secret) => `${secret}: \${{ secrets.${secret} }}`),
    ),
    ...(caller.attests === undefined ? [] : attestJob(caller.job, pinned('attest'))),
  ];
  return { path: `.github/workflows/${name}${suffix}.yml`, content: `${lines.join('\n')}\n` };
}

function attestJob(needs: string, uses: string): string[] {
  return [
    '',
    '  # Signs the record of production and its page. GitHub keeps attestations of public repositories, and of private ones on',
    '  # Enterprise Cloud (`private-repository: true`); without this job nothing else is different.',
    '  attest:',
    `    needs: ${needs}`,
    "    if: inputs.through == 'production' && !inputs.dry-run && !inputs.notify-test && !github.event.repository.private",
    '    permissions:',
    '      id-token: write # to sign the attestation',
    '      attestations: write # to keep it',
    `    uses: ${uses}`,
  ];
}

function indented(spaces: number, lines: readonly string[]): string[] {
  return lines.map((line) => `${' '.repeat(spaces)}${line}`);
}
