import { automatic, decide, idPart, told, type Item } from '../migration/item.ts';
import { hasConfigVar, imageSets, NAMES_UNKNOWN, usesBuildpacks, type ItemContext } from './item-context.ts';
import { disagree, type Language, type LanguageName } from './language.ts';

/** What Heroku's buildpacks do for the app, and what an image must do in their place. */
export function imageItems(context: ItemContext): Item[] {
  return [
    ...languages(context),
    ...dockerfile(context),
    ...systemPackages(context),
    ...buildSteps(context),
    ...dynoScripts(context),
    ...buildpackVariables(context),
    ...appJson(context),
  ];
}

const LANGUAGE_TITLES: Readonly<Record<LanguageName, string>> = {
  ruby: 'Ruby',
  node: 'Node.js',
  python: 'Python',
  go: 'Go',
  php: 'PHP',
  java: 'Java',
  elixir: 'Elixir',
};

const WHERE_TO_PIN: Readonly<Record<LanguageName, string>> = {
  ruby: 'Write `ruby "x.y.z"` in the Gemfile and run `bundle lock`.',
  node: 'Write `"engines": { "node": "x.y.z" }` in package.json; Heroku reads no .nvmrc.',
  python: 'Write the version into .python-version.',
  go: 'Write the `go` line of go.mod.',
  php: 'Write `"require": { "php": "x.y.*" }` in composer.json.',
  java: 'Write `java.runtime.version` in system.properties.',
  elixir: 'Write `elixir_version` in elixir_buildpack.config.',
};

function languages({ facts }: ItemContext): Item[] {
  return facts.languages.flatMap((language): Item[] => [version(language), ...lock(language)]);
}

function version({ name, manifest, versions }: Language): Item {
  const title = LANGUAGE_TITLES[name];
  const byHeroku = versions.find((told) => told.byHeroku);
  const places = versions.map((one) => `${one.version} in ${one.path}:${one.line}`).join(', ');
  const against = versions.find((one) => byHeroku !== undefined && disagree(byHeroku.version, one.version));
  const id = `repository/language/${name}`;
  if (byHeroku === undefined) {
    return decide({
      id,
      area: 'repository',
      what: `${title} in no version that Heroku goes by`,
      question: `Which version of ${title} runs today?`,
      options: ['the-image-has-the-same'],
      why: versions.length === 0 ? `${manifest} names none` : `only for developers' machines: ${places}`,
      remedy: `\`heroku run\` shows the version that runs. ${WHERE_TO_PIN[name]}`,
    });
  }
  if (against !== undefined) {
    return decide({
      id,
      area: 'repository',
      what: `${title} in two versions`,
      question: 'Which version does the image get?',
      options: ['the-one-heroku-goes-by', 'the-other'],
      why: `${byHeroku.version} in ${byHeroku.path}:${byHeroku.line} is what Heroku goes by, ${against.version} in ${against.path}:${against.line} is not`,
      remedy: 'Make them equal.',
    });
  }
  return automatic({
    id,
    area: 'repository',
    what: `${title} ${byHeroku.version}`,
    becomes: `the same ${title} in the image`,
    why: places,
  });
}

function lock({ name, manifest, lock: file }: Language): Item[] {
  if (file !== null || name === 'java') return [];
  return [
    decide({
      id: `repository/lock/${name}`,
      area: 'repository',
      what: `no lock file beside ${manifest}`,
      question: 'May the image get other versions of its libraries than the slug has?',
      options: ['lock-first', 'take-the-newest'],
      why: 'the libraries are those of the day of the build: what is tested may not be what ran',
      remedy: 'Commit a lock file.',
    }),
  ];
}

function dockerfile({ facts }: ItemContext): Item[] {
  const first = facts.image.dockerfiles[0];
  if (first === undefined) {
    return [
      told({
        id: 'repository/dockerfile',
        area: 'repository',
        what: 'no Dockerfile',
        becomes: "an image that you build: the app's phases take its digest",
        why: `no Dockerfile in the checkout; Heroku builds from ${facts.languages.map(({ manifest }) => manifest).join(', ') || 'its buildpacks'}`,
        remedy:
          'provision proposes one in its pull request (Ruby, Node, Python); or build with Heroku’s own (`pack build --builder heroku/builder:24`), and push the image.',
      }),
    ];
  }
  return [
    automatic({
      id: 'repository/dockerfile',
      area: 'repository',
      what: facts.image.dockerfiles.map(({ path }) => path).join(', '),
      becomes: 'the image that you build of it',
      why: 'found in the checkout',
    }),
  ];
}

function systemPackages({ facts }: ItemContext): Item[] {
  const { aptfile, dockerfiles } = facts.image;
  if (aptfile === null || aptfile.packages.length === 0) return [];
  const installed = new Set(dockerfiles.flatMap(({ installs }) => installs));
  const missing = aptfile.packages.filter((name) => !installed.has(name));
  const shown = missing.slice(0, 30).join(', ');
  if (missing.length === 0) {
    return [
      automatic({
        id: 'repository/system-packages',
        area: 'repository',
        what: `${aptfile.packages.length} packages of ${aptfile.path}`,
        becomes: 'installed by the Dockerfile',
        why: 'each is named in a RUN line',
      }),
    ];
  }
  return [
    decide({
      id: 'repository/system-packages',
      area: 'repository',
      what: `packages of the system that no Dockerfile installs: ${shown}`,
      question: 'Does the image hold them?',
      options: ['the-image-installs-them', 'not-needed'],
      why: `${aptfile.path} lists ${aptfile.packages.length}, and ${dockerfiles.length === 0 ? 'there is no Dockerfile' : `${dockerfiles.map(({ path }) => path).join(', ')} installs ${aptfile.packages.length - missing.length} of them`}`,
      remedy: `In the Dockerfile: \`RUN apt-get update && apt-get install -y ${shown.replaceAll(',', '')}\`.`,
    }),
  ];
}

function buildSteps({ facts }: ItemContext): Item[] {
  const { buildHooks, dockerfiles } = facts.image;
  const has = (name: string): boolean => facts.libraries.some((library) => library.name === name);
  const items = buildHooks.map(({ path, hook }) =>
    decide({
      id: `repository/build-step/${idPart(hook)}`,
      area: 'repository',
      what: `Heroku's build runs ${hook}`,
      question: 'Does the build of the image do the same?',
      options: ['the-image-does-it', 'not-needed'],
      why: `${path}: only Heroku's buildpack looks for it`,
      remedy: 'Run it in the Dockerfile.',
    }),
  );
  const pipeline = has('rails') || has('railties');
  if (pipeline && dockerfiles.length > 0 && !dockerfiles.some(({ precompilesAssets }) => precompilesAssets)) {
    items.push(
      decide({
        id: 'repository/build-step/assets',
        area: 'repository',
        what: 'no Dockerfile runs assets:precompile',
        question: 'Who builds the assets?',
        options: ['the-image-does-it', 'there-are-none'],
        why: `Heroku's Ruby buildpack runs it at each build; ${dockerfiles.map(({ path }) => path).join(', ')} does not`,
        remedy:
          'In the Dockerfile: `RUN SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile` (Rails 7.1 and later).',
      }),
    );
  }
  if (has('django') && dockerfiles.length > 0 && !dockerfiles.some(({ collectsStatic }) => collectsStatic)) {
    items.push(
      decide({
        id: 'repository/build-step/collectstatic',
        area: 'repository',
        what: 'no Dockerfile runs collectstatic',
        question: 'Who collects the static files?',
        options: ['the-image-does-it', 'there-are-none'],
        why: `Heroku's Python buildpack runs it at each build; ${dockerfiles.map(({ path }) => path).join(', ')} does not`,
        remedy: 'In the Dockerfile: `RUN python manage.py collectstatic --noinput`.',
      }),
    );
  }
  return items;
}

function dynoScripts({ facts }: ItemContext): Item[] {
  const scripts = facts.image.profileScripts;
  if (scripts.length === 0) return [];
  return [
    decide({
      id: 'repository/dyno-scripts',
      area: 'repository',
      what: 'scripts that run before every process of a dyno',
      question: 'Does the image run them too?',
      options: ['the-image-runs-them', 'not-needed'],
      why: `${scripts.join(', ')}: only a dyno sources them`,
      remedy:
        'Source them in an entrypoint that ends with `exec "$@"`, or set their variables in migration.yml (`config: set:`).',
    }),
  ];
}

interface BuildpackVariables {
  /** Whose buildpack, and where that is written. */
  from: string;
  variables: Readonly<Record<string, string>>;
}

/** What a buildpack sets inside dynos although it is no config var, and that changes how the application behaves. */
const BUILDPACK_VARIABLES: Partial<Record<LanguageName, BuildpackVariables>> = {
  node: { from: "heroku-buildpack-nodejs's profile", variables: { NODE_ENV: 'production' } },
  python: {
    from: "heroku-buildpack-python's profile scripts",
    // gunicorn believes X-Forwarded-Proto from these addresses only: without it every request looks like http.
    variables: { FORWARDED_ALLOW_IPS: '*', GUNICORN_CMD_ARGS: '--access-logfile -', WEB_CONCURRENCY: '2' },
  },
};

const RAILS_VARIABLES: BuildpackVariables = {
  from: "heroku-buildpack-ruby's profile (0c80c93, 2026-07-20)",
  variables: {
    RAILS_ENV: 'production',
    RACK_ENV: 'production',
    RAILS_SERVE_STATIC_FILES: 'enabled',
    RAILS_LOG_TO_STDOUT: 'enabled',
    LANG: 'en_US.UTF-8',
  },
};

function buildpackVariables(context: ItemContext): Item[] {
  const { facts, app } = context;
  const [language] = facts.languages;
  if (language === undefined || !usesBuildpacks(facts)) return [];
  if (language.name === 'java') return jdbc(context);
  // gunicorn and uvicorn read them; another server does not.
  if (language.name === 'python' && !facts.libraries.some(({ name }) => /^(gunicorn|uvicorn)$/.test(name)))
    return [];
  const set = facts.rails === null ? BUILDPACK_VARIABLES[language.name] : RAILS_VARIABLES;
  if (set === undefined) return [];
  const missing = Object.entries(set.variables).filter(
    ([name]) => hasConfigVar(app, name) !== true && !imageSets(facts, name),
  );
  if (missing.length === 0) return [];
  return [
    decide({
      id: `repository/buildpack-variables/${language.name}`,
      area: 'variable',
      what: `variables that exist only in the buildpack's environment: ${missing.map(([name]) => name).join(', ')}`,
      question: 'Where does the new side get them?',
      options: ['set-in-migration-yml', 'the-image-sets-them', 'not-needed'],
      why: `${set.from} sets them in every dyno; ${app.configVarNames === null ? NAMES_UNKNOWN : 'they are no config vars'}, and no Dockerfile sets them`,
      remedy: `In migration.yml: \`config: { set: { ${missing.map(([name, value]) => `${name}: '${value}'`).join(', ')} } }\`.`,
    }),
  ];
}

/** The JVM's buildpack turns DATABASE_URL into what JDBC understands (Dev Center, "Connecting to Relational Databases on Heroku with Java", 2024-12-09). */
function jdbc({ facts, app }: ItemContext): Item[] {
  const used = facts.findings.filter(({ kind }) => kind === 'jdbc').map(({ what }) => what);
  const spring = facts.libraries.some(({ name }) => name.startsWith('spring-boot'));
  if (used.length === 0 && !spring) return [];
  if (hasConfigVar(app, 'SPRING_DATASOURCE_URL') === true) return [];
  return [
    decide({
      id: 'repository/buildpack-variables/java',
      area: 'variable',
      what: `addresses that only Heroku's Java buildpack makes: ${used.join(', ') || 'SPRING_DATASOURCE_URL'}`,
      question: 'How does the application find its database?',
      options: ['it-reads-database-url', 'the-image-makes-them'],
      why: 'its profile script makes them of DATABASE_URL when a dyno starts; nothing does that in an image of your own',
      remedy: 'Make them of DATABASE_URL in an entrypoint that ends with `exec "$@"`.',
    }),
  ];
}

function appJson({ facts }: ItemContext): Item[] {
  const { appJson: found, herokuYml } = facts.image;
  const items: Item[] = [];
  if (found?.scripts.includes('postdeploy') === true) {
    items.push(
      told({
        id: 'repository/app-json/postdeploy',
        area: 'repository',
        what: 'a postdeploy script',
        becomes: 'nothing: it runs once, when a review app is made',
        why: found.path,
        remedy: 'Review apps do not move: make previews with a workflow of your own.',
      }),
    );
  }
  if (found?.cron === true) {
    items.push(
      told({
        id: 'repository/app-json/cron',
        area: 'schedule',
        what: 'app.json declares cron jobs',
        becomes: 'nothing: Heroku reads none there (they are Dokku’s)',
        why: found.path,
        remedy: 'Declare jobs under `schedule` in migration.yml.',
      }),
    );
  }
  if (herokuYml !== null && herokuYml.buildsImage) {
    items.push(
      automatic({
        id: 'repository/heroku-yml',
        area: 'repository',
        what: `${herokuYml.path} builds an image (${herokuYml.processes.join(', ') || 'web'})`,
        becomes: 'the same Dockerfile, built by a workflow',
        why: 'no buildpack adds anything to its environment',
      }),
    );
  }
  return items;
}
