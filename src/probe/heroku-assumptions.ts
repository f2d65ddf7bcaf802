import type { Assumption } from './assumptions.ts';

/** What is believed of Heroku, in the order of docs/assumptions.md. */
export const herokuAssumptions: readonly Assumption[] = [
  {
    id: 'empty-slug',
    grave: true,
    claim:
      'An empty slug can be uploaded and released, Scheduler and one-off dynos then start on it and find no application code',
    source: 'Platform API schema (slugs, releases); Dev Center on slugs. Never tried',
    ifWrong:
      'Refused: the cutover is undone at `park`. Accepted, but jobs still run: Postgres is fenced whatever runs; a job could still write to the old Redis between copy and switch and be lost',
    triedBy: 'empty-slug',
  },
  {
    id: 'old-dynos-end',
    claim:
      '`traffic: front-door`: at a release without preboot old web dynos get SIGTERM and no new request, and end within 30 s',
    source: 'Dev Center, “Dyno shutdown behaviour”',
    ifWrong:
      "The fence waits for the last old dyno in Heroku's list all the same; visitors wait longer, after 25 s they get 503",
    triedBy: 'router-hold',
  },
  {
    id: 'release-again',
    claim: 'Rolling back to the recorded release brings code and formation back, running the release phase',
    source: 'Platform API schema',
    ifWrong:
      'The undo of `park` fails and says so; Heroku stays in maintenance mode until somebody runs `heroku rollback`',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'scheduler-in-maintenance',
    claim: 'Scheduler fires in maintenance mode and cannot be paused by a supported API',
    source: 'Dev Center, “Heroku Scheduler”, 2025-07-01; “Maintenance Mode”, 2024-05-07',
    ifWrong: 'Parking would be more than is needed',
    untried: 'it would have to wait for Scheduler’s next firing; parking is right either way',
  },
  {
    id: 'scheduler-address',
    claim: "Scheduler's jobs can be read where its dashboard reads them (`particleboard.heroku.com`)",
    source: 'an open-source Terraform provider, 2025-08; unofficial',
    ifWrong: '`assess` says that they are not known; you declare them under `schedule`',
    triedBy: 'scheduler-address',
  },
  {
    id: 'heroku-certificates',
    grave: true,
    claim: 'Certificates of Postgres and Key-Value Store are self-signed or cannot be verified',
    source: 'Dev Center, 2024-11-27 and 2024-12',
    ifWrong: 'Nothing fails; the connection could be verified and is not',
    untried: 'wrong or right, nothing changes but a verification that is not made',
  },
  {
    id: 'default-credential',
    claim:
      "The database's default role owns all tables, and may lock them, create triggers, and end its own sessions",
    source: 'Dev Center, “Heroku Postgres Credentials”, 2026-05-18; tried with such a role on PostgreSQL 15',
    ifWrong:
      '`fence` refuses, naming tables of other roles; or the point of no return fails and everything is undone',
    triedBy: 'default-credential',
  },
  {
    id: 'default-credential-live',
    claim: 'That role may also create a schema, functions and row triggers (live strategy)',
    source:
      'Dev Center, “Heroku Postgres Credentials”, 2026-05-18; tried with such a role on PostgreSQL 13 to 18',
    ifWrong:
      '`assess` blocks `strategy: live` and names what is missing, or `migrate-db` fails before anything is copied; `strategy: window` is the way',
    triedBy: 'default-credential',
  },
  {
    id: 'copy-speed',
    claim: 'A whole copy from Heroku to a small cluster moves 10 to 40 MB/s',
    source: 'reports of 10, 18 and 28 MB/s, as read in November 2026',
    ifWrong:
      '`auto` may choose the strategy that is not needed; the practice copy measures, the pre-flight refuses a forecast that does not fit, and the next `assess` on its record uses the measured figure',
    untried: 'the practice copy measures it with your own data',
  },
  {
    id: 'heroku-schemas',
    claim:
      'Its databases hold the schema `_heroku`, event triggers of another role, and perhaps extensions in `heroku_ext`',
    source: "public dumps; Heroku's help pages",
    ifWrong: 'An unknown kind of object stops the copy before anything is changed',
    untried: 'a database of the cheapest plan shows little of it; the practice copy meets your own',
  },
  {
    id: 'key-value-store-commands',
    claim: '`CONFIG` is refused by Key-Value Store; `SCAN`, `DUMP`, `PTTL`, `RENAME` and `MULTI` are not',
    source: 'reports of people who moved by these commands, 2026-07',
    ifWrong:
      'The practice copy fails. `RENAME` is used only after the point of no return: then `set-old-jobs-aside` fails, and the new side stays closed until that is mended',
    triedBy: 'key-value-store',
  },
  {
    id: 'key-value-store-tracking',
    claim: 'Key-Value Store allows scripts, `CLIENT TRACKING` and `CLIENT PAUSE … WRITE`',
    source: 'nothing says so; Redis gives these to a user who may not use `CONFIG`',
    ifWrong:
      'Each is asked for and told in the log. Without scripts: pipelines, slower. Without tracking: keyspace notifications, or every key is compared inside the window, which the forecast says. Without the pause: a stray write stops the cutover instead of waiting',
    triedBy: 'key-value-store',
  },
  {
    id: 'valkey-to-redis',
    claim: 'Values dumped by Valkey 7.2 can be read by Redis 7.4',
    source: "their formats' versions; one key is tried before anything is replaced",
    ifWrong:
      'Noticed before anything is replaced; then every key goes element by element, which takes longer',
    untried: 'it depends on the version of your own store; one key is tried before anything is replaced',
  },
  {
    id: 'heroku-scopes',
    claim: '`read-protected` covers `read`, and releases and slugs need the `-protected` scopes',
    source: 'Dev Center, “OAuth”',
    ifWrong: 'An error that names the scope',
    untried: 'a probe’s token may more than the migration’s; `doctor` looks at that one',
  },
  {
    id: 'sigterm',
    claim: 'Dynos end within 30 s of SIGTERM; one-off dynos are waited for up to 90 s',
    source: 'Dev Center',
    ifWrong: '`stop-workers` or `park` gives up and everything is undone',
    untried: 'staging measures it with your own processes',
  },
  {
    id: 'oauth-scope-header',
    claim: "Every answer names the token's scopes in the header `Oauth-Scope`",
    source: 'recorded answers, 2022-12; a post of one of its developers, 2013',
    ifWrong: '`doctor` tells the scopes as unknown',
    untried: '`doctor` asks for it in every run',
  },
  {
    id: 'team-rights',
    claim: "In a team's app the rights `deploy` and `operate` are enough for a cutover",
    source: 'Dev Center, “App Permissions”',
    ifWrong:
      '`doctor` says that rights are there and the cutover is refused by Heroku before it changes anything',
    untried: 'it needs a team and a second account',
  },
  {
    id: 'attached-dyno',
    claim:
      'The client of an attached one-off dyno sends the path of `attach_url` over TLS and then reads what the dyno writes',
    source:
      "the `heroku` CLI 11.10 does so, and attaches to the rehearsal's played one in the tests; documented nowhere",
    ifWrong:
      '`provision` refuses before anything is made, with the command that sets the secret as a config var',
    triedBy: 'attached-dyno',
  },
  {
    id: 'attached-dyno-silent',
    claim:
      'What an attached one-off dyno writes is in no log, and `.profile.d` is sourced before its command',
    source: "Dev Center, “One-Off Dynos”, “Buildpack API”; Heroku's Ruby buildpack",
    ifWrong:
      "The encoded value would stand in Heroku's log, which its drains read; or the variable is empty, and a line in the log says that no dyno has it",
    untried: '`.profile.d` is your own buildpack’s; staging shows it',
  },
  {
    id: 'drains',
    claim:
      "Drains give Datadog's key as `dd-api-key` and Better Stack's token as `source_token` or as the user",
    source: 'their guides for Heroku',
    ifWrong: 'A warning: the drain is not taken along',
    untried: 'their makers’ accounts would be needed',
  },
  {
    id: 'log-session',
    claim:
      'A token with `read` may open a log session, and its lines of the router are as the Dev Center shows them',
    source: 'Platform API reference, “Log Session”; Dev Center, “HTTP Routing”, “Heroku Router”',
    ifWrong:
      'Whether traffic still reaches the old side is told as unknown by `verify`; the quiet hours go by the database and the queues alone',
    untried: 'your own app’s router must have answered somebody; `assess` tells what it could read',
  },
  {
    id: 'statements',
    claim: '`pg_stat_statements` is installed, and the role sees its own statements in it',
    source: "public dumps up to 2025-11; PostgreSQL's documentation",
    ifWrong: 'Nothing is compared, and `capacity/reads` says that nobody looked',
    untried: '`assess` tells what it could read of your own database',
  },
  {
    id: 'router-hold',
    grave: true,
    claim:
      '_front-door_: the router lets requests wait while the web dynos of a new release start, up to 75 s (H20), and sends none to dynos that were told to end',
    source: 'Dev Center, “HTTP Routing”, “Heroku Error Codes” (H20, H14); never measured',
    ifWrong:
      "Visitors get 503 (H10, H20 or H99) for as long as the forwarder's dynos take to start, one or two seconds each; no write is lost",
    triedBy: 'router-hold',
  },
  {
    id: 'h12-clock',
    grave: true,
    claim:
      "_front-door_: H12's 30 s begin when the router has handed the whole request to a dyno, not while it waits for one to start",
    source: 'Dev Center, “Request Timeout”, 2023-05-24, says the first half of it',
    ifWrong:
      "A request that waits through start and hold may get H12 before our 503: the cutover's longest hold is far below both",
    untried: '30 s of a held request would tell of nothing but itself; the longest hold is far below both',
  },
  {
    id: 'router-queue',
    grave: true,
    claim:
      '_front-door_: a router lets 50 requests per web dyno be under way and answers the next with H11; several routers serve an app',
    source: 'Dev Center, “HTTP Routing”, 2013 to 2015; how many, nothing says',
    ifWrong: 'With fewer an app of many requests sees H11 while it is held: scale `web` up before the window',
    triedBy: 'router-hold',
  },
  {
    id: 'foreign-slug',
    grave: true,
    claim: '_front-door_: a slug that another app built can be released by its id',
    source: 'Platform API schema (`POST /apps/{app}/releases`), by which pipelines promote. Never tried',
    ifWrong: '`pre-flight` or the release fails, and everything is undone before the fence',
    triedBy: 'foreign-slug',
  },
  {
    id: 'slug-outlives-app',
    grave: true,
    claim: '_front-door_: such a slug still starts when the app that built it is deleted',
    source: 'how pipelines promote. Never tried',
    ifWrong:
      '`finalize` is where it shows: dynos that start later crash (H10), and late visitors find an error',
    triedBy: 'slug-outlives-app',
  },
  {
    id: 'node-buildpack',
    claim:
      "_front-door_: the Node.js buildpack builds a project without any dependency, with a lock file, and leaves the Procfile's process types as they are",
    source: 'Dev Center, “Heroku Node.js Support”; `npm ci` accepts the lock file offline. Never tried there',
    ifWrong: '`provision` fails at the build, long before the window',
    triedBy: 'foreign-slug',
  },
  {
    id: 'procfile-env',
    claim: "_front-door_: a Procfile's command finds `env` (GNU coreutils) and the buildpack's `node`",
    source: "heroku/heroku images are Ubuntu's. Never tried there",
    ifWrong:
      'The forwarder crashes at its start (H10): the cutover waits for its dynos, gives up and is undone',
    untried: '`provision` builds and staging starts the forwarder itself',
  },
  {
    id: 'forwarded-headers',
    claim:
      "_front-door_: the router appends the client's address to `X-Forwarded-For`, and overwrites `X-Forwarded-Proto` and `-Port`",
    source: 'Dev Center, “HTTP Routing”',
    ifWrong: 'Where it appends those two, the last one counts',
    untried: 'the signed question of the front door finds it on staging',
  },
  {
    id: 'own-name-from-dyno',
    claim: "_front-door_: a dyno's request to the app's own public name comes back through the router",
    source: 'nothing forbids it. Never tried',
    ifWrong:
      'Requests that wait in a forwarder when a cutover is undone get 502 or 503 instead of a late answer',
    untried: 'staging does it for real, before anything depends on it',
  },
  {
    id: 'dashboard-addresses',
    claim:
      "Autoscaling of web dynos and automatic deploys can be switched where Heroku's dashboard and command line do it (`api.metrics.heroku.com`, `kolkrabbi.heroku.com`)",
    source:
      'heroku/cli 11.10 (`ps:autoscale:disable`); an open-source Terraform provider, 2025-08; unofficial',
    ifWrong:
      'The cutover stops before anything else, with the way to do it by hand; unanswered, it is told, and a dyno or a release in the window undoes everything',
    untried:
      'it would need an app with GitHub and a Performance dyno; the cutover stops before anything else',
  },
  {
    id: 'scheduler-deletes',
    claim: 'Jobs of Scheduler can be deleted where its dashboard does it',
    source: 'the same provider; unofficial',
    ifWrong: '`finalize` tells that they are to be deleted by hand',
    untried: 'a job can only be made in the dashboard, by hand',
  },
  {
    id: 'signal-backend',
    claim:
      "The database's default role may end other roles' sessions, but a superuser's (`pg_signal_backend`)",
    source: 'Dev Center, “Heroku Postgres Credentials”, 2026-05-18',
    ifWrong: 'A stray session is told instead of ended; the fence holds its writes all the same',
    untried: 'the cheapest plan has no second role whose session could be ended',
  },
];
