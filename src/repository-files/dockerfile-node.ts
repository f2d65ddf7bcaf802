import type { DockerfileInput } from './dockerfile.ts';
import {
  aptInstall,
  command,
  dockerfileHead,
  environment,
  PORT_LINES,
  type GeneratedDockerfile,
} from './docker-text.ts';
import { imageVersion } from './image-version.ts';
import type { BuildFacts } from './build-facts.ts';

interface PackageManager {
  /** Files beside package.json that an installation reads. */
  files: string[];
  /** Makes the program available; empty where the image has it. */
  enable: string[];
  install: string;
  run: (script: string) => string;
  /** Takes out what only a build needs. */
  prune: string | null;
  /** A later build gets the same libraries. */
  locked: boolean;
  /** The program itself lies in the repository, so that an installation needs the whole of it. */
  inTheRepository: boolean;
}

/** Node.js: everything is built with all libraries, and the image that runs has those of production. */
export function nodeDockerfile(input: DockerfileInput): GeneratedDockerfile {
  const { build, language, packages, web } = input;
  const version = imageVersion('node', language);
  const manager = packageManagerOf(build);
  const scripts = ['heroku-postbuild', 'build'].filter((name) => build.scripts.includes(name)).slice(0, 1);
  const has = (script: string): boolean => build.scripts.includes(script);
  // Scripts of an installation, such as a husky of its own or `prisma generate`, may need the whole source.
  const needsSource =
    manager.inTheRepository ||
    ['preinstall', 'install', 'postinstall', 'prepare', 'heroku-prebuild'].some(has);
  const manifests = ['package.json', ...manager.files].join(' ');
  const prisma = build.npm.includes('@prisma/client');
  const text = [
    ...dockerfileHead('Node.js, built in a stage of its own.'),
    `ARG NODE_VERSION=${version.tag}`,
    'FROM docker.io/library/node:${NODE_VERSION}-slim AS base',
    'WORKDIR /app',
    ...aptInstall(['ca-certificates', ...(prisma ? ['openssl'] : []), ...packages.run]),
    '',
    'FROM base AS build',
    ...aptInstall([...new Set(['build-essential', 'git', 'python3', ...packages.build])].sort()),
    ...manager.enable,
    ...(needsSource ? ['COPY . .'] : [`COPY ${manifests} ./`]),
    ...(has('heroku-prebuild') ? [`RUN ${manager.run('heroku-prebuild')}`] : []),
    `RUN ${manager.install}`,
    ...(needsSource ? [] : ['COPY . .']),
    ...scripts.map((script) => `RUN ${manager.run(script)}`),
    ...(manager.prune === null ? [] : [`RUN ${manager.prune}`]),
    ...(has('heroku-cleanup') ? [`RUN ${manager.run('heroku-cleanup')}`] : []),
    '',
    'FROM base',
    ...environment({ NODE_ENV: 'production' }),
    'COPY --from=build --chown=node:node /app /app',
    'USER node',
    ...PORT_LINES,
    ...command(web),
    '',
  ].join('\n');
  return {
    text,
    checks: [
      ...(version.check === null ? [] : [version.check]),
      ...(manager.locked ? [] : ['there is no lock file: each build takes the newest libraries']),
    ],
  };
}

/** Node.js for an image of another language, whose assets it makes; it is not in the image that runs. */
export function nodeInstall({ facts, build }: Pick<DockerfileInput, 'facts' | 'build'>): {
  from: string[];
  copy: string[];
  install: string[];
} {
  const language = facts.languages.find(({ name }) => name === 'node');
  const { tag } = imageVersion('node', language ?? { versions: [] });
  const manager = packageManagerOf(build);
  const manifests = ['package.json', ...manager.files].join(' ');
  return {
    from: [`FROM docker.io/library/node:${tag}-slim AS node`],
    copy: [
      'COPY --from=node /usr/local/bin/node /usr/local/bin/node',
      'COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules',
      ...(build.files.includes('yarn.lock') ? ['COPY --from=node /opt /opt'] : []),
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && \\',
      '    ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx' +
        (build.files.includes('yarn.lock') ? ' && \\' : ''),
      ...(build.files.includes('yarn.lock')
        ? ['    (ln -s /opt/yarn-*/bin/yarn /usr/local/bin/yarn || npm install --global yarn)']
        : []),
      ...manager.enable,
    ],
    // Without a manifest there is nothing to install: a gem only looks for the program.
    install: build.files.includes('package.json') ? [`COPY ${manifests} ./`, `RUN ${manager.install}`] : [],
  };
}

function packageManagerOf({ files, packageManager }: BuildFacts): PackageManager {
  const here = (names: readonly string[]): string[] => names.filter((name) => files.includes(name));
  const settings = here(['.npmrc']);
  const [name, version] = packageManager?.split('@') ?? [];
  if (files.includes('pnpm-lock.yaml') || name === 'pnpm') {
    return {
      files: [...here(['pnpm-lock.yaml']), ...settings],
      enable: [`RUN npm install --global pnpm${version === undefined ? '' : `@${version}`}`],
      install: 'pnpm install --frozen-lockfile',
      run: (script) => `pnpm run ${script}`,
      prune: 'CI=1 pnpm prune --prod --ignore-scripts',
      locked: files.includes('pnpm-lock.yaml'),
      inTheRepository: false,
    };
  }
  if (files.includes('yarn.lock') || name === 'yarn') {
    const berry = files.includes('.yarnrc.yml') || (version !== undefined && !version.startsWith('1.'));
    return {
      files: [...here(['yarn.lock', '.yarnrc.yml']), ...settings],
      enable: berry ? ['RUN npm install --global corepack && corepack enable'] : [],
      install: berry ? 'yarn install --immutable' : 'yarn install --frozen-lockfile',
      run: (script) => `yarn run ${script}`,
      prune: berry
        ? 'yarn workspaces focus --all --production'
        : 'yarn install --frozen-lockfile --production --ignore-scripts --prefer-offline && yarn cache clean',
      locked: files.includes('yarn.lock'),
      inTheRepository: berry,
    };
  }
  const lock = here(['package-lock.json', 'npm-shrinkwrap.json']);
  return {
    files: [...lock, ...settings],
    enable: [],
    install: lock.length > 0 ? 'npm ci' : 'npm install',
    run: (script) => `npm run ${script}`,
    prune: 'npm prune --omit=dev --ignore-scripts',
    locked: lock.length > 0,
    inTheRepository: false,
  };
}
