import type { Assumption } from './assumptions.ts';

/** What is believed of DigitalOcean, in the order of docs/assumptions.md. */
export const digitalOceanAssumptions: readonly Assumption[] = [
  {
    id: 'plain-domain',
    grave: true,
    claim:
      'App Platform proves a plain domain by a TXT record before DNS points to it, and issues the certificate then',
    source:
      'the API names the records for any domain; its documents describe them for wildcards only. Never tried',
    ifWrong:
      "`provision` warns, and the cutover's `pre-flight` refuses: with `traffic: dns` that domain cannot be moved by this version. People report 30 to 60 minutes of TLS errors when DNS is changed first",
    triedBy: 'plain-domain',
  },
  {
    id: 'apex-address',
    claim: 'An apex domain is served at `162.159.140.98`',
    source: 'documentation, “Manage domains”, 2025-12-11',
    ifWrong: 'The smoke test fails after the point of no return; correct the record, run the job again',
    untried: 'it would take an apex of yours; the smoke test of staging asks the address',
  },
  {
    id: 'untrusted-silence',
    claim: 'Who is not a trusted source gets no answer from a cluster, not even to a request for TLS',
    source: 'documentation of trusted sources; reports of timeouts',
    ifWrong: '`verify` fails with `security/public-postgres` although the list is right',
    untried: '`verify` asks from outside, on staging first',
  },
  {
    id: 'http-to-https',
    claim: 'App Platform sends plain HTTP on to HTTPS',
    source: 'documentation, “Manage domains”',
    ifWrong: '`verify` fails with `security/tls-only`',
    untried: '`verify` asks, on staging first',
  },
  {
    id: 'doadmin',
    claim:
      "`doadmin` may create extensions and load tables of another role that granted it so; the application's own role may be made by the API and owns what it restores",
    source: "its documents' list of roles, 2025-11; PostgreSQL's rules, tried with such roles",
    ifWrong: 'The practice copy fails',
    triedBy: 'doadmin',
  },
  {
    id: 'open-sessions',
    claim: 'A privilege that the owner has revoked from itself holds for sessions that are open',
    source: "PostgreSQL's rules, tested",
    ifWrong:
      'The new side would take writes before the switch, or none after it. The cutover asks both: before the point of no return everything is undone, after it `roll-back` is the way',
    triedBy: 'open-sessions',
  },
  {
    id: 'private-network',
    claim:
      "Trusted sources by address admit the private network's range, and the app's components connect from it",
    source: 'documentation, “Enable VPC”, 2025-09-24; DigitalOcean Labs, 2026-08',
    ifWrong: 'The new app cannot reach its database and never becomes healthy: `provision` fails',
    triedBy: 'private-network',
  },
  {
    id: 'rule-description',
    claim: 'A trusted source keeps its description, and a cluster may be ordered with its first one',
    source: "the API's description: `description` of a rule, `rules` of an order",
    ifWrong:
      'A job that sees its description dropped warns, and takes out what it put in all the same; a scheduled catch-up would not see a cutover, which says so and asks to turn the schedule off',
    untried: 'every job that lets itself in looks whether it was kept, and warns',
  },
  {
    id: 'storage-size',
    claim: '`storage_size_mib` is the whole disk and not what is added',
    source: "the API's example (61440 beside a size that includes 60 GiB); its words say “additional”",
    ifWrong: 'The disk is larger than planned, or `provision` stops at the order',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'pool-name',
    claim: "A pool's name takes the database's place in its address",
    source: "documentation of connection pools; PgBouncer's own rules",
    ifWrong: 'The application does not reach its database and never becomes healthy: `provision` fails',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'trusted-sources-deploy',
    claim: 'Changing trusted sources starts no deployment of an app that is not named in them',
    source: "the API's list of causes of a deployment",
    ifWrong: 'A deployment could happen during a job; the app stays closed, and `pre-flight` wants it active',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'scheduled-jobs',
    claim: 'Scheduled jobs (`kind: SCHEDULED`) exist in the app spec',
    source: "DigitalOcean's Go client, 2026-07; documentation, 2026-02. The published API description lags",
    ifWrong: '`provision` fails when it proposes the spec',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'encrypted-variables',
    claim: 'Encrypted variables that are sent back as read (`EV[…]`) keep their value',
    source: 'documentation; reports',
    ifWrong: 'The health check fails after the second deployment',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'cloud-init',
    claim: "`ubuntu-24.04` with cloud-init installs Docker from Ubuntu's packages and starts the container",
    source:
      'the packages; the configuration and users run on a real Redis in the tests, cloud-init checks its schema and systemd its units, neither boots',
    ifWrong: '`provision` waits 15 minutes for Redis and says where to look',
    triedBy: 'private-network',
  },
  {
    id: 'alert-policies',
    claim: "Alert policies may name a tag and no droplet, and tell the account's own verified address",
    source:
      "the API's description: `entities` and `tags` are both lists; what an address must be is not said",
    ifWrong: "`provision` stops at `redis-alerts` with DigitalOcean's reason, after Redis answers",
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'cluster-alerts',
    claim: 'Alert policies on a database cluster name its id, and no tag',
    source: "the API's description of `v1/dbaas/alerts/…`",
    ifWrong:
      "Refused: `provision` fails with DigitalOcean's words. After a removal by hand policies may stay, which `command: destroy` finds by the cluster's name",
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'job-alert',
    claim: 'A scheduled job may have the alert `JOB_INVOCATION_FAILED`',
    source: "DigitalOcean's Go client, 2026-07; the published API description lags",
    ifWrong: '`apps/propose` refuses the spec, before anything is deployed',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'redis-rights',
    claim:
      'Writes that are taken from a user of Redis, or given back, count at once in connections that are open',
    source: "Redis' documentation of ACL; tested on a real Redis with the rights that `provision` gives",
    ifWrong:
      'The new side would take writes before the switch or refuse them after it; the server itself is asked (`ACL DRYRUN`) whether it is closed',
    untried: 'Redis’ own rule, and the same server in the same container',
  },
  {
    id: 'two-passwords',
    claim: 'A user of Redis may have two passwords, and taking one away cuts nobody',
    source: "tested on a real Redis, with the droplet's own files",
    ifWrong: 'The application reconnects with its new password',
    untried: 'Redis’ own rule, tested on a real one',
  },
  {
    id: 'droplet-keeper',
    claim: "The container's own health, an upgrade and a renewal work on the droplet as on the test machine",
    source: 'the scripts run for real against a real Redis in the tests; Docker and systemd are played there',
    ifWrong: '`provision` waits, says where to look, and the old certificate and image go on',
    untried: 'an upgrade and a renewal take months; `provision`, run again, does them on staging',
  },
  {
    id: 'standard-edition',
    claim: 'New Standard Edition clusters end at 4 GiB of memory and have no standby (since 2026-11-30)',
    source: 'several public notes; the announcement itself was not seen',
    ifWrong: 'The plan would refuse larger databases needlessly; set `postgres.size`',
    untried: 'orders of such clusters cost dollars a day',
  },
  {
    id: 'cluster-prices',
    claim: 'Prices of clusters',
    source: 'pricing page by way of public notes; there is no API. Other prices are read live',
    ifWrong: 'The cost shown is off',
    untried: 'there is no API; the bill tells',
  },
  {
    id: 'extensions',
    claim: 'The list of extensions',
    source:
      'documentation, 2025-11-26; from the first `provision` on what a cluster of yours itself answered, read from the records; before a copy the cluster is asked again',
    ifWrong: 'A blocker too many, or the copy refuses',
    untried: '`provision` asks your own cluster',
  },
  {
    id: 'extwlist',
    claim:
      '`extwlist.extensions` names the extensions beyond the trusted ones that `doadmin` may create; where it cannot be read, every one whose files are there can be',
    source: 'documentation of supported extensions, 2025-11-26',
    ifWrong: "The copy's preparation fails at the extension, before any row",
    untried: '`provision` asks your own cluster',
  },
  {
    id: 'rollback-validate',
    claim:
      'Whether a deployment could be returned to (`rollback/validate`) is answered for the one that serves, under `app:update` only, and changes nothing',
    source: 'API description, “Validate App Rollback”',
    ifWrong:
      'The pre-flight says “not known”, or the way back stops where it starts the workers of the new side anew',
    untried: '`cutover` asks it on staging, before anything is touched',
  },
  {
    id: 'propose',
    claim:
      '`apps/propose` checks and prices a spec with a public image in place of the real one, and without a network',
    source: 'API description; needs `app:read` only',
    ifWrong: 'assess tells that it could not ask, or names a refusal that provision would not meet',
    untried: '`assess` asks it in every run',
  },
  {
    id: 'registry-login',
    claim: "Pushing to DigitalOcean's registry works with the API token as user and password",
    source: 'documentation of Container Registry',
    ifWrong: 'The image job fails; give `REGISTRY_USERNAME` and `REGISTRY_PASSWORD`, or an image',
    untried: 'the image job does it on staging',
  },
  {
    id: 'registry-note',
    claim:
      'A tag that nothing carries stays in the account, and a registry names the moment at which it was made',
    source: 'API description of `/v2/tags` and `/v2/registries`',
    ifWrong: "A registry that was made here is taken for the account's own: `destroy` leaves it, and says so",
    untried: 'a registry is paid by the month, and its name is gone for everybody',
  },
  {
    id: 'source-commit',
    claim:
      'A deployment names for each component the commit that was built from GitHub (`source_commit_hash`), and `force_build` builds what the branch holds then',
    source: 'API description of `/v2/apps`',
    ifWrong: 'With `image: { build: app-platform }` provision fails, and the new side stays closed',
    untried: 'it takes a repository to which App Platform was given access',
  },
  {
    id: 'cloudflare-refusals',
    claim:
      'Cloudflare answers an unknown token with 401, or with 403 and "Invalid access token", a missing permission with 403, and takes a batch of records whole or not at all',
    source: "its API's description and its client",
    ifWrong: 'the message names another reason than the true one',
    untried: 'it needs tokens that are wrong on purpose',
  },
  {
    id: 'cdn-origin',
    grave: true,
    claim:
      "With an origin rule that overrides Host and SNI, Cloudflare's proxies reach `<app>.ondigitalocean.app`, although both stand behind Cloudflare",
    source:
      "both companies' pages on an origin rule and on an external CDN; never tried together. Cloudflare may refuse a proxied CNAME to another customer's name (error 1014)",
    ifWrong: 'the smoke test fails after the switch under the public name; `roll-back`, then `traffic: dns`',
    untried: 'it needs an Enterprise zone of Cloudflare’s; try it with a name of staging first',
  },
  {
    id: 'cdn-plan',
    claim:
      "Overriding Host is part of Cloudflare's Enterprise plan only, which the zone names as `enterprise`",
    source: '"Origin Rules", availability',
    ifWrong: '`traffic: cdn` is refused where it would work, or Cloudflare refuses the rule after the switch',
    untried: 'it needs an Enterprise zone of Cloudflare’s',
  },
  {
    id: 'dnssec',
    claim: 'App Platform keeps no domain that is DNSSEC-signed',
    source: 'its page on domains',
    ifWrong: 'with certificates there, a signed zone is only told',
    untried: 'the pre-flight looks at your own zone',
  },
  {
    id: 'resolvers',
    claim: 'Runners reach public resolvers over UDP, port 53',
    source: "GitHub's runners do, as far as is known",
    ifWrong: 'the pre-flight refuses and names the input `resolvers`',
    untried: 'the pre-flight asks them',
  },
  {
    id: 'short-ttl',
    claim: 'DNS records may have a TTL of 30 s',
    source: "clients' source code; not in the API's description",
    ifWrong: '`provision` fails at the record; raise `dns.ttl`',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'hourly-price',
    claim: "An hour is billed at no more than 1/672 of a month's price",
    source: 'its pricing pages: the price of a month is reached after 28 days',
    ifWrong: "What `doctor` says of a rehearsal's cost is wrong; the price of a month is not",
    untried: 'the bill tells',
  },
  {
    id: 'spec-fields',
    claim:
      '`timeout` of a job may be `1h30m`, and `termination`, `health_check` and `alerts` have the fields of its Go client',
    source: "DigitalOcean's Go client, 2026-07; the published API description lags",
    ifWrong: '`apps/propose` refuses the spec in its own words, and nothing is made',
    untried: '`apps/propose` checks the very spec',
  },
  {
    id: 'bindables',
    claim: '`${APP_ID}` and `${APP_DOMAIN}` are filled in, and other `${…}` in values stay as they are',
    source: 'documentation of environment variables, 2025-06; the latter is documented nowhere',
    ifWrong:
      'Code that reads `HEROKU_APP_ID` finds another text; a config var that holds `${…}` could be changed',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'component-variables',
    claim: "A component's variable wins over the app's of the same name",
    source: 'documentation of environment variables',
    ifWrong: "`DYNO` would not be the component's; nothing else is set twice",
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'log-destination',
    claim: "What App Platform shows of a log destination's key may be sent back",
    source: 'not documented',
    ifWrong: 'Logs stop being forwarded after a later run: set the destination again',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'front-door-headers',
    grave: true,
    claim:
      "_front-door_: App Platform's ingress passes headers that it does not know (`X-Front-Door`, about 300 bytes), and WebSockets, under the app's own host name",
    source:
      'its edge is Cloudflare, which “passes all HTTP request headers to your origin” (“Cloudflare HTTP headers”); never tried on App Platform',
    ifWrong:
      "The middleware sees no signature, and the app its ingress' host name. The signed question of [front-door](front-door.md#who-the-app-thinks-it-is) finds that before any visitor comes",
    untried: 'the signed question of the front door finds it on staging',
  },
];
