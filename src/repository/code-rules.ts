/** What a rule looks for in a line of code. */
export interface CodeRule {
  kind: string;
  /** Files that it looks into; all that are scanned unless given. */
  files?: RegExp;
  /** One of these stands in every line that can fit: most files hold none and are done with at once. */
  words: readonly string[];
  /** Never looks further than the line, and takes time in proportion to it. */
  pattern: RegExp;
  /** The identifier to show, never the line; undefined when it is none after all. */
  what: (found: RegExpMatchArray, line: string) => string | undefined;
}

const RUBY = /\.(rb|ru|rake|erb)$|(^|\/)(Rakefile|Gemfile)$/;
const PYTHON = /\.py$/;
const SCRIPT = /\.(js|mjs|cjs|jsx|ts|mts|cts|tsx|vue|svelte)$/;
/** Files of a pipeline that deploys: what they read is not the application's. */
const PIPELINE =
  /(^|\/)(\.github\/workflows\/[^/]+\.ya?ml|\.circleci\/config\.yml|\.gitlab-ci\.yml|\.travis\.yml|bitbucket-pipelines\.yml|azure-pipelines\.yml|\.semaphore\/[^/]+\.yml)$/;
const NOT_PIPELINE = new RegExp(`^(?!.*(?:${PIPELINE.source}))`);

const group =
  (index: number) =>
  (found: RegExpMatchArray): string | undefined =>
    found[index];
const always = (what: string) => (): string => what;

/** Tools of the build write into what becomes the image. */
const SERVED_SCRIPT = new RegExp(
  `^(?!(?:.*/)?(?:scripts?|tools?|build|webpack)/)(?!.*(?:gulpfile|Gruntfile|\\.config)\\.).*(?:${SCRIPT.source})`,
);

const fileWrite = (files: RegExp, words: string[], pattern: RegExp): CodeRule => ({
  kind: 'local-disk',
  files,
  words,
  pattern,
  what: (found) => (isScratch(found[2] ?? '') ? undefined : found[1]?.replace(/\s/g, '')),
});

/** Where nobody expects a file to last: `/tmp` itself, standard streams and devices. */
function isScratch(path: string): boolean {
  return /^\/(tmp|dev|var\/tmp|proc)(\/|$)/.test(path);
}

/** Files that the code writes under a name that stands in the line, wherever in the application's directory that is. */
const FILE_WRITES: readonly CodeRule[] = [
  fileWrite(RUBY, ['File.', 'IO.'], /\b((?:File|IO)\.(?:write|binwrite))[ (]\s*["']([^"'\n]{1,200})["']/g),
  fileWrite(
    RUBY,
    ['open'],
    /(?<![.\w])((?:File\.)?(?:open|new))[ (]\s*["']([^"'\n]{1,200})["']\s*,\s*["'][wa]b?\+?(?::[\w-]{1,20})?["']/g,
  ),
  fileWrite(RUBY, ['Pathname'], /\b(Pathname(?:\.new)?)\(["']([^"'\n]{1,200})["']\)\.(?:bin)?write\b/g),
  fileWrite(
    RUBY,
    ['Rails.root'],
    /\b(Rails\.root)\.join\(["'](?!tmp\/pids)([^\n)]{1,200})\)\.(?:bin)?write\b/g,
  ),
  fileWrite(
    RUBY,
    ['FileUtils'],
    /\b(FileUtils\.(?:cp|mv|copy|move|install|cp_r|touch))[ (][^\n]{0,200},\s*["']([^"'\n]{1,200})["']/g,
  ),
  fileWrite(
    SERVED_SCRIPT,
    ['writeFile', 'createWriteStream', 'appendFile'],
    /\b(writeFile|writeFileSync|createWriteStream|appendFile|appendFileSync)\(\s*["'`]((?![^"'`\n]{0,100}(?:public|uploads?)\/)[^"'`\n]{1,200})["'`]/g,
  ),
  fileWrite(
    PYTHON,
    ['open('],
    /(?<![.\w])(open)\(\s*[frbFRB]?["']([^"'\n]{1,200})["']\s*,\s*(?:mode\s*=\s*)?["'][wax]b?\+?["']/g,
  ),
];

export const CODE_RULES: readonly CodeRule[] = [
  {
    kind: 'dyno-metadata',
    files: NOT_PIPELINE,
    words: ['DYNO', 'HEROKU_'],
    // Behind a quote, a dot, a brace or a dollar sign: an environment variable, not a constant of the code's own.
    pattern: /(?<=["'`.${[])(DYNO|DYNO_RAM|HEROKU_[A-Z][A-Z0-9_]{1,60})\b/g,
    what: group(1),
  },
  {
    kind: 'heroku-host',
    files: NOT_PIPELINE,
    words: ['herokuapp'],
    pattern: /(?:([a-z0-9][a-z0-9-]{0,62})\\{0,2}\.)?herokuapp\\{0,2}\.com\b/gi,
    what: (found) => (found[1] === undefined ? 'herokuapp.com' : `${found[1].toLowerCase()}.herokuapp.com`),
  },
  {
    kind: 'deploy',
    files: PIPELINE,
    words: ['heroku'],
    pattern:
      /heroku-deploy|git\.heroku\.com|git push[^\n]{0,80}heroku|heroku container:(?:push|release)|provider:\s*heroku|heroku\/deploy-via-git|pipelines:promote/g,
    what: always('deploys to Heroku'),
  },
  // Hosts that the application accepts, or puts into cookies and addresses.
  {
    kind: 'host-list',
    files: PYTHON,
    words: ['ALLOWED_HOSTS', 'CSRF_TRUSTED_ORIGINS'],
    pattern: /^\s*(ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS)\s*(?:\+?=|\.(?:append|extend)\()/g,
    what: (found, line) => (/['"]\*['"]/.test(line) ? undefined : found[1]),
  },
  {
    kind: 'host-list',
    files: /(^|\/)config\/(application|environments\/(production|staging))\.rb$/,
    words: ['config.hosts'],
    pattern: /\bconfig\.hosts\s*(?:=(?!\s*nil\b)|<<|\+=|\.(?:push|concat)\b)/g,
    what: always('config.hosts'),
  },
  {
    kind: 'host-list',
    files: /\.exs?$/,
    words: ['check_origin'],
    pattern: /\bcheck_origin:\s*\[/g,
    what: always('check_origin'),
  },
  {
    kind: 'cookie-host',
    words: [
      'SESSION_COOKIE_DOMAIN',
      'CSRF_COOKIE_DOMAIN',
      'session_store',
      'SESSION_DOMAIN',
      'cookie:',
      'cookies:',
      'cookie =',
    ],
    pattern:
      /\b(SESSION_COOKIE_DOMAIN|CSRF_COOKIE_DOMAIN|SESSION_DOMAIN)\b\s*[=:]|\b(session_store)\b[^\n]{0,200}\bdomain:(?!\s*:all)|\b(cookie)s?["']?\s*[:=]\s*\{[^}\n]{0,200}\bdomain["']?\s*:/g,
    what: (found) => found[1] ?? (found[2] === undefined ? 'cookie domain' : 'session_store domain'),
  },
  {
    kind: 'url-host',
    files: RUBY,
    words: ['default_url_options', 'asset_host'],
    pattern: /\b(default_url_options|asset_host)\b/g,
    what: group(1),
  },
  {
    kind: 'secret-key',
    files: /(^|\/)config\/.*\.rb$/,
    words: ['secret_key_base'],
    pattern: /\bconfig\.(secret_key_base)\s*=/g,
    what: group(1),
  },
  // Files on the dyno's own disk.
  {
    kind: 'active-storage',
    files: /(^|\/)config\/environments\/(production|staging)\.rb$/,
    words: ['active_storage.service'],
    pattern: /\bconfig\.active_storage\.service\s*=\s*(?:ENV[^\n]{0,100}?)?:?["']?:?([a-z_]\w{0,40})\b/g,
    what: group(1),
  },
  {
    kind: 'local-disk',
    files: RUBY,
    words: ['storage', 'FileSystem'],
    pattern: /^\s*(?:config\.)?storage\s*(?:=\s*)?\(?:(file)\b|\bShrine::Storage::(FileSystem)\b/g,
    what: (found) => (found[1] === undefined ? 'Shrine::Storage::FileSystem' : 'storage :file'),
  },
  {
    kind: 'local-disk',
    files: SCRIPT,
    words: ['multer', 'diskStorage', 'uploadDir', 'useTempFiles'],
    pattern:
      /\bmulter\(\s*\{[^}\n]{0,120}\b(dest)\b|\bmulter\.(diskStorage)\(|\b(diskStorage)\(|\b(uploadDir)\s*[:=]/g,
    what: (found) => (found[1] === undefined ? (found[4] ?? 'diskStorage') : 'multer dest'),
  },
  {
    kind: 'local-disk',
    files: SCRIPT,
    words: ['writeFile', 'createWriteStream', 'appendFile'],
    pattern:
      /\b(writeFile|writeFileSync|createWriteStream|appendFile|appendFileSync)\([^\n]{0,120}["'`/](?:public|uploads?)\//g,
    what: group(1),
  },
  ...FILE_WRITES,
  {
    kind: 'local-disk',
    files: PYTHON,
    words: ['MEDIA_ROOT', 'FileSystemStorage'],
    pattern: /^\s*(MEDIA_ROOT)\s*=|\b(FileSystemStorage)\b/g,
    what: (found) => found[1] ?? found[2],
  },
  {
    kind: 'sqlite',
    files: PYTHON,
    words: ['backends.sqlite3'],
    pattern: /django\.db\.backends\.(sqlite3)/g,
    what: group(1),
  },
  // How connections to the databases are protected.
  {
    kind: 'tls',
    words: ['sslmode', 'SSLMODE'],
    pattern:
      /\b(?:sslmode|PGSSLMODE)["']?\s*(?:=|:|=>)\s*["']?:?(disable|allow|prefer|require|no-verify|verify-ca|verify-full)\b/gi,
    what: (found) => `sslmode=${(found[1] ?? '').toLowerCase()}`,
  },
  {
    kind: 'tls',
    words: [
      'rejectUnauthorized',
      'sslrootcert',
      'ssl_require',
      'VERIFY_NONE',
      'VERIFY_PEER',
      'ssl_cert_reqs',
      'NODE_TLS_REJECT_UNAUTHORIZED',
      'InsecureSkipVerify',
      'verify_none',
    ],
    pattern:
      /\b(rejectUnauthorized)["']?\s*:\s*(true|false|!1|!0)|\b(sslrootcert)\b|\b(ssl_require)\s*=\s*(True|False)|\b(VERIFY_NONE|VERIFY_PEER)\b|\b(ssl_cert_reqs)\b|\b(NODE_TLS_REJECT_UNAUTHORIZED)\b|\b(InsecureSkipVerify):\s*true|:(verify_none)\b/g,
    what: ([, reject, no, rootCert, required, value, peer, certs, node, go, elixir]) => {
      if (reject !== undefined) return `rejectUnauthorized: ${/true|!0/.test(no ?? '') ? 'true' : 'false'}`;
      if (required !== undefined) return `ssl_require=${value ?? ''}`;
      return rootCert ?? peer ?? certs ?? node ?? go ?? elixir;
    },
  },
  {
    kind: 'tls',
    words: ['ssl:', 'tls:', 'ssl_params', 'sslMode', 'CA_CERT'],
    pattern: /\b(ssl_params|sslMode|DATABASE_CA_CERT|REDIS_CA_CERT)\b|\b(ssl|tls):\s*(true|\{)/g,
    what: (found) => found[1] ?? `${found[2] ?? ''}: …`,
  },
  // Work that the clock starts, or that a boot writes.
  {
    kind: 'schedule-loaded',
    files: RUBY,
    words: ['Cron::Job', 'Sidekiq.schedule', 'Sidekiq::Scheduler'],
    pattern:
      /\b(Sidekiq::Cron::Job\.(?:load_from_hash|load_from_array|create)!?|Sidekiq\.schedule\s*=|Sidekiq::Scheduler\.reload_schedule!)/g,
    what: (found) => (found[1] ?? '').replace(/\s*=$/, ''),
  },
  {
    kind: 'jobs-in-web',
    files: RUBY,
    words: ['execution_mode', 'solid_queue'],
    pattern: /\bexecution_mode\s*[:=]+\s*:?["']?(async(?:_all|_server)?)\b|^\s*plugin\s+:(solid_queue)\b/g,
    what: (found) => (found[1] === undefined ? 'plugin :solid_queue' : `good_job execution_mode ${found[1]}`),
  },
  {
    kind: 'scheduler-used',
    files: /\.(js|mjs|cjs|ts|mts|cts|py|rb|go|ex|exs|java|kt)$/,
    words: [
      'cron.',
      'CronJob',
      'scheduleJob',
      '@Cron',
      'Scheduler(',
      'Rufus',
      'NewScheduler',
      '@Scheduled',
      'new Agenda',
      'new Cron',
    ],
    pattern:
      /\bcron\.schedule\(|\bnew CronJob\(|\bschedule\.scheduleJob\(|@Cron\(|\b(?:Background|Blocking|AsyncIO)Scheduler\(|\bRufus::Scheduler\b|\bcron\.New\(|\bgocron\.NewScheduler\(|@Scheduled\(|\bnew Agenda\(|\bnew Cron\(/g,
    what: (found) => found[0].replace(/\($/, ''),
  },
  {
    kind: 'egress-proxy',
    words: ['QUOTAGUARD', 'FIXIE', 'PROXIMO', 'STATICA'],
    pattern:
      /(?<=["'`.${[])(QUOTAGUARD(?:STATIC|SHIELD)?_URL|FIXIE_(?:URL|SOCKS_HOST)|PROXIMO_URL|STATICA_URL)\b/g,
    what: group(1),
  },
  // What the JVM buildpack makes out of DATABASE_URL.
  {
    kind: 'jdbc',
    words: ['JDBC_DATABASE_', 'SPRING_DATASOURCE_'],
    pattern: /\b(JDBC_DATABASE_(?:URL|USERNAME|PASSWORD)|SPRING_DATASOURCE_(?:URL|USERNAME|PASSWORD))\b/g,
    what: group(1),
  },
];

/** Code and settings; neither documents nor data. */
const SCANNED =
  /\.(rb|ru|rake|erb|haml|slim|jbuilder|py|js|mjs|cjs|jsx|ts|mts|cts|tsx|vue|svelte|go|php|java|kt|kts|scala|clj|ex|exs|eex|heex|cs|rs|sh|bash|html|htm|ejs|hbs|pug|twig|yml|yaml|json|toml|ini|cfg|conf|properties|xml|graphql|prisma|tf)$|(^|\/)(\.env[\w.-]*|Rakefile|Dockerfile[\w.-]*|Procfile[\w.-]*|bin\/[\w.-]+|\.profile)$/;
/** Locks and generated files name hosts and settings that are not the application's. */
const NOT_SCANNED =
  /(^|\/)(package-lock\.json|composer\.lock|pnpm-lock\.yaml|npm-shrinkwrap\.json|app\.json|Procfile[\w.-]*)$|\.min\.(js|css)$|\.(map|lock)$/;
/** What runs only where it is tested or shown never runs in production. */
const TESTS =
  /(^|\/)(spec|specs|test|tests|__tests__|__mocks__|features|cypress|e2e|fixtures|examples?|docs?|stories)\/|[._-](test|spec|stories)\.[a-z]+$|(^|\/)(test_[^/]+|conftest)\.py$|_test\.go$|(^|\/)config\/environments\/(development|test)\.rb$|(^|\/)\.env\.(example|sample|test|development)/;

export type ScanChoice = 'scan' | 'test' | 'other';

export function scanChoice(path: string): ScanChoice {
  if (!SCANNED.test(path) || NOT_SCANNED.test(path)) return 'other';
  return isTest(path) ? 'test' : 'scan';
}

/** Whether the file belongs to tests, examples or documents. */
export function isTest(path: string): boolean {
  return TESTS.test(path) && !PIPELINE.test(path);
}
