import { READ_FROM_DYNO } from '../migration/buildpack-secrets.ts';
import { EQUIVALENT, equivalentNote } from '../migration/dyno-metadata.ts';
import { automatic, decide, idPart, told, type Item } from '../migration/item.ts';
import { autoscalerItem } from '../migration/mover-items.ts';
import { placesTold } from './evidence.ts';
import { hasConfigVar, NAMES_UNKNOWN, usesBuildpacks, type ItemContext } from './item-context.ts';
import { ofKind } from './job-items.ts';
import { roleOf } from './known-libraries.ts';

/** What the code itself expects of Heroku. */
export function codeItems(context: ItemContext): Item[] {
  return [
    ...dynoMetadata(context),
    ...herokuHosts(context),
    ...hostLists(context),
    ...cookieHosts(context),
    ...localDisk(context),
    ...uploads(context),
    ...secretKey(context),
    ...egressProxies(context),
    ...deploys(context),
    ...herokuLibraries(context),
  ];
}

/** Names by which code calls Heroku's API; the rest of HEROKU_… tells about the dyno. */
const API_NAMES = /^HEROKU_(API_KEY|API_TOKEN|API_URL|TOKEN|KEY|OAUTH_\w+|EMAIL)$/;
const DATABASE_NAMES = /^HEROKU_(POSTGRESQL|REDIS)_\w+_URL$/;

function dynoMetadata({ facts, app }: ItemContext): Item[] {
  return ofKind(facts, 'dyno-metadata').map((finding): Item => {
    const name = finding.what;
    const id = `repository/variable/${name}`;
    const where = placesTold(finding);
    if (API_NAMES.test(name)) {
      return decide({
        id,
        area: 'variable',
        what: `the code calls Heroku's API (${name})`,
        question: 'What does it do there, and must it go on?',
        options: ['it-may-fail', 'the-code-is-changed'],
        why: where,
        remedy: "What scales or restarts dynos must call App Platform's API instead, or be taken out.",
      });
    }
    if (DATABASE_NAMES.test(name)) {
      const has = hasConfigVar(app, name);
      return decide({
        id,
        area: 'variable',
        what: `the code reads a database's address by ${name}`,
        question:
          'Which database is meant? The new side has DATABASE_URL and REDIS_URL, and none of HEROKU_….',
        options: ['not-used-any-more', 'the-code-is-changed'],
        why: `${where}; ${has === undefined ? NAMES_UNKNOWN : has ? 'the config var belongs to Heroku and is dropped' : 'no config var has that name'}`,
        remedy: 'Let the code read DATABASE_URL (or REDIS_URL), before the cutover.',
      });
    }
    const note = equivalentNote(name);
    return decide({
      id,
      area: 'variable',
      what: `the code reads ${name}, which only dynos have`,
      question: `What should it read on App Platform?${note === undefined ? '' : ` By default ${note}.`}`,
      options: [...(note === undefined ? [] : [EQUIVALENT]), 'it-does-without', 'set-in-migration-yml'],
      why: where,
      remedy:
        REMEDIES[name] ??
        `In migration.yml: \`config: { set: { ${name}: '…' } }\`, or take it out of the code.`,
    });
  });
}

const REMEDIES: Readonly<Record<string, string | undefined>> = {
  DYNO: "Every instance would get the same value from a setting: read the container's host name (`HOSTNAME`) instead, and DIGITALOCEAN_APP to know that it is not Heroku.",
  HEROKU_SLUG_COMMIT:
    '`prepare.yml` knows the commit of the image that it builds; for one that you give, say it with the input `commit` of provision, or set the variable in migration.yml.',
  HEROKU_APP_NAME: "In migration.yml: `config: { set: { HEROKU_APP_NAME: '…' } }`, or read DIGITALOCEAN_APP.",
};

function herokuHosts({ facts, app }: ItemContext): Item[] {
  const own = new Set([...app.herokuHosts.map((host) => host.toLowerCase()), `${app.appName}.herokuapp.com`]);
  return ofKind(facts, 'heroku-host').map((finding): Item => {
    const host = finding.what;
    const why = placesTold(finding);
    const id = `repository/heroku-host/${idPart(host)}`;
    if (own.has(host)) {
      return decide({
        id,
        area: 'domain',
        what: `the code names the app's own host ${host}`,
        question: 'What should stand there after the cutover?',
        options: ['the-code-is-changed', 'it-may-point-at-the-old-side'],
        why: `${why}; that host stays at Heroku and answers with the maintenance page from the cutover on`,
        remedy: 'Read it from a config var that holds the domain of your own, before the cutover.',
      });
    }
    if (host === 'herokuapp.com') {
      return decide({
        id,
        area: 'domain',
        what: 'the code expects hosts under herokuapp.com',
        question: 'Does it accept the new host as well?',
        options: ['the-code-is-changed', 'not-needed'],
        why,
        remedy: 'Allow the domains of your own (and `.ondigitalocean.app` for the checks before the switch).',
      });
    }
    return decide({
      id,
      area: 'domain',
      what: `the code names another app's host ${host}`,
      question: 'Does that app stay at Heroku?',
      options: ['it-stays', 'it-moves-too'],
      why,
      remedy: 'When it moves too, its host ends with its own cutover: use a domain instead.',
    });
  });
}

function hostLists({ facts }: ItemContext): Item[] {
  return ofKind(facts, 'host-list').map((finding) =>
    decide({
      id: `repository/host-list/${idPart(finding.what)}`,
      area: 'domain',
      what: `${finding.what} names the hosts that the application accepts`,
      question: 'Does it accept the host of App Platform, under which health and smoke checks ask?',
      options: ['the-code-is-changed', 'it-accepts-it'],
      why: `${placesTold(finding)}: a request with another host is refused, so that the new side never becomes healthy`,
      remedy: `Add \`.ondigitalocean.app\` to ${finding.what} when the variable DIGITALOCEAN_APP is set, and let the health path answer for any host.`,
    }),
  );
}

function cookieHosts({ facts }: ItemContext): Item[] {
  return [...ofKind(facts, 'cookie-host'), ...ofKind(facts, 'url-host')].map((finding) =>
    told({
      id: `repository/host-setting/${idPart(finding.what)}`,
      area: 'domain',
      what: `${finding.what} ties cookies or addresses to a host`,
      becomes: 'the same: the domains move, so cookies and addresses stay valid',
      why: placesTold(finding),
      remedy:
        'Under the host of App Platform, before the switch, logging in may fail: test with a domain of your own.',
    }),
  );
}

const OBJECT_STORAGE = 'Keep uploads in object storage (Spaces speaks S3) before the cutover.';

function localDisk({ facts, app }: ItemContext): Item[] {
  const storages = facts.libraries.filter(
    ({ ecosystem, name }) => roleOf(ecosystem, name)?.role === 'object-storage',
  );
  const beside =
    storages.length === 0 ? '' : `; ${storages.map(({ name }) => name).join(', ')} may be used instead`;
  const items: Item[] = [];
  const disk = new Set(facts.rails?.diskServices ?? []);
  for (const finding of ofKind(facts, 'active-storage').filter(
    ({ what }) => disk.has(what) || what === 'local',
  )) {
    items.push(
      onDisk(
        `active-storage`,
        `Active Storage keeps files on the dyno's disk (service ${finding.what})`,
        placesTold(finding),
      ),
    );
  }
  for (const finding of ofKind(facts, 'local-disk')) {
    items.push(
      onDisk(
        finding.what,
        `files are written to the dyno's disk (${finding.what})`,
        `${placesTold(finding)}${beside}; what goes to /tmp is taken for scratch and not counted`,
      ),
    );
  }
  if (hasConfigVar(app, 'DATABASE_URL') !== true) {
    for (const finding of ofKind(facts, 'sqlite')) {
      items.push(
        onDisk(
          'sqlite',
          'the database may be a file on the disk (SQLite)',
          `${placesTold(finding)}; ${app.configVarNames === null ? NAMES_UNKNOWN : 'the app has no DATABASE_URL'}`,
        ),
      );
    }
  }
  return items;
}

function onDisk(id: string, what: string, why: string): Item {
  return decide({
    id: `repository/local-disk/${idPart(id)}`,
    area: 'repository',
    what,
    question: 'May what lies there be lost?',
    options: ['it-may-be-lost', 'moved-to-object-storage-first'],
    why: `${why}: nothing of a dyno's disk moves, and App Platform's disk (4 GiB) is emptied by each deployment as a dyno's is`,
    remedy: OBJECT_STORAGE,
  });
}

function uploads({ facts }: ItemContext): Item[] {
  const libraries = facts.libraries.filter(
    ({ ecosystem, name }) => roleOf(ecosystem, name)?.role === 'upload',
  );
  if (libraries.length === 0) return [];
  return [
    told({
      id: 'repository/uploads',
      area: 'traffic',
      what: `files are uploaded through the application (${libraries.map(({ name }) => name).join(', ')})`,
      becomes: 'the same, as long as an upload ends within 100 seconds',
      why: `${libraries.map(({ path, line }) => `${path}:${line}`).join(', ')}; App Platform ends longer ones (its limits page, 2025-11-19), Heroku only those that send nothing for 55 seconds`,
      remedy: 'Let browsers send large files straight to object storage (presigned addresses).',
    }),
  ];
}

/**
 * Rails takes ENV["SECRET_KEY_BASE"] before its credentials, and the Ruby buildpack puts one into every dyno when there
 * is no config var: then that one signs the sessions, whatever the credentials hold.
 */
function secretKey({ facts, app }: ItemContext): Item[] {
  const id = 'variable/SECRET_KEY_BASE';
  const area = 'variable';
  if (!usesBuildpacks(facts)) return [];
  if (facts.rails === null) {
    const ruby = facts.directory !== null && facts.languages.some(({ name }) => name === 'ruby');
    if (!ruby || hasConfigVar(app, 'SECRET_KEY_BASE') === true) return [];
    return [
      automatic({
        id,
        area,
        what: 'no SECRET_KEY_BASE',
        becomes: 'none',
        why: 'the checkout names no Rails, and the Ruby buildpack makes one for Rails alone',
      }),
    ];
  }
  const inCode = ofKind(facts, 'secret-key')[0];
  const has = hasConfigVar(app, 'SECRET_KEY_BASE');
  if (has === true || inCode !== undefined) {
    return [
      automatic({
        id,
        area,
        what: 'the key that signs sessions (SECRET_KEY_BASE)',
        becomes: 'the same on the new side: nobody is logged out',
        why:
          has === true
            ? 'it is a config var'
            : `the code sets it itself (${inCode === undefined ? '' : placesTold(inCode)})`,
      }),
    ];
  }
  const credentials = facts.rails.credentials.join(', ');
  return [
    decide({
      id,
      area,
      what: 'the key that signs sessions may exist only inside dynos (SECRET_KEY_BASE)',
      question:
        has === undefined
          ? 'Is SECRET_KEY_BASE a config var? If not, may provision read it once from a one-off dyno, or may every session and signed address end?'
          : 'May provision read it once from a one-off dyno, or may every session end and every signed address become void?',
      options: [READ_FROM_DYNO, 'sessions-end', has === undefined ? 'it-is-a-config-var' : 'not-used'],
      why: `Rails ${facts.rails.version ?? ''} on Heroku's Ruby buildpack, and ${has === undefined ? NAMES_UNKNOWN : 'no config var SECRET_KEY_BASE'}: the buildpack makes one up, and Rails takes it before ${credentials === '' ? 'anything else' : credentials}`,
      remedy: `\`heroku config:set -a ${app.appName} SECRET_KEY_BASE="$(heroku run --no-tty -a ${app.appName} -- printenv SECRET_KEY_BASE)"\` keeps the value; it restarts the dynos once. Or let provision read it, over a session that is in no log; its token needs the scope \`write\`.`,
    }),
  ];
}

function egressProxies({ facts }: ItemContext): Item[] {
  return ofKind(facts, 'egress-proxy').map((finding) =>
    decide({
      id: `repository/egress-proxy/${finding.what}`,
      area: 'traffic',
      what: `requests leave by a static address (${finding.what})`,
      question: 'Which address do the partners see after the cutover?',
      options: ['the-proxy-stays', 'a-dedicated-address-of-app-platform'],
      why: `${placesTold(finding)}: partners allow that address only`,
      remedy:
        'Keep the proxy as an account of its own, as the add-on ends with the app, or tell the partners the new addresses first.',
    }),
  );
}

function deploys({ facts }: ItemContext): Item[] {
  return ofKind(facts, 'deploy').map((finding) =>
    decide({
      id: 'repository/deploys-to-heroku',
      area: 'app',
      what: 'a pipeline deploys to Heroku',
      question: 'Who keeps it still during the window, and what does it deploy to afterwards?',
      options: ['disabled-before-the-window', 'it-deploys-by-hand-only'],
      why: `${placesTold(finding)}: a deployment inside the window starts dynos again, on the side that must stand still`,
      remedy:
        'Disable the workflow before the window (`gh workflow disable …`), and let it deploy to App Platform afterwards.',
    }),
  );
}

function herokuLibraries({ facts }: ItemContext): Item[] {
  return facts.libraries.flatMap((library): Item[] => {
    const role = roleOf(library.ecosystem, library.name);
    if (role?.role !== 'heroku') return [];
    const id = `repository/heroku-library/${idPart(library.name)}`;
    const why = `${library.name} in ${library.path}:${library.line}`;
    if (role.scaler !== undefined) return [autoscalerItem(role.scaler, [why], null)];
    if (role.does.startsWith('configures')) {
      return [
        told({
          id,
          area: 'repository',
          what: `${library.name} ${role.does}`,
          becomes: 'the same, as it reads DATABASE_URL',
          why,
          remedy: 'Take it out when nothing runs at Heroku any more.',
        }),
      ];
    }
    return [
      decide({
        id,
        area: 'app',
        what: `${library.name} ${role.does}`,
        question: 'What takes its place?',
        options: ['nothing', 'the-code-is-changed'],
        why: `${why}: it must stand still in the window, and does nothing on App Platform`,
        remedy: "What scales or restarts dynos must call App Platform's API instead, or be taken out.",
      }),
    ];
  });
}
