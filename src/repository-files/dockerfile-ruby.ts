import type { DockerfileInput } from './dockerfile.ts';
import {
  aptInstall,
  command,
  dockerfileHead,
  environment,
  PORT_LINES,
  type GeneratedDockerfile,
} from './docker-text.ts';
import { nodeInstall } from './dockerfile-node.ts';
import { imageVersion } from './image-version.ts';
import { atLeast } from './version-order.ts';

/** What Heroku's buildpack sets in every dyno of a Rails app although it is no config var. */
const RAILS: Readonly<Record<string, string>> = {
  RAILS_ENV: 'production',
  RACK_ENV: 'production',
  RAILS_SERVE_STATIC_FILES: 'enabled',
  RAILS_LOG_TO_STDOUT: 'enabled',
  MALLOC_ARENA_MAX: '2',
};
/** Since this version Rails makes a secret up for a build that says it needs none (`SECRET_KEY_BASE_DUMMY`). */
const DUMMY_SINCE = '7.1';

/** Ruby in the way of Rails' own Dockerfile: gems and assets are made in one stage, the other one only runs. */
export function rubyDockerfile(input: DockerfileInput): GeneratedDockerfile {
  const { facts, build, language, packages, web } = input;
  const version = imageVersion('ruby', language);
  const { gems } = build;
  const rails = facts.rails !== null;
  const railsVersion = facts.rails?.version ?? gems['railties'] ?? null;
  const assets =
    rails &&
    [
      'sprockets-rails',
      'propshaft',
      'webpacker',
      'shakapacker',
      'vite_rails',
      'jsbundling-rails',
      'cssbundling-rails',
    ].some((gem) => gem in gems);
  const javascript = build.files.includes('package.json') || 'execjs' in gems;
  const node = javascript ? nodeInstall(input) : undefined;
  const dummy = railsVersion !== null && atLeast(railsVersion, DUMMY_SINCE);
  const secret = dummy ? 'SECRET_KEY_BASE_DUMMY=1' : 'SECRET_KEY_BASE=only-while-building';

  const text = [
    ...dockerfileHead('Ruby, with gems and assets made in a stage of their own.'),
    `ARG RUBY_VERSION=${version.tag}`,
    ...(node === undefined ? [] : node.from),
    'FROM docker.io/library/ruby:${RUBY_VERSION}-slim AS base',
    'WORKDIR /app',
    ...aptInstall([...new Set(['ca-certificates', 'curl', 'libjemalloc2', ...packages.run])].sort()),
    ...environment({
      ...(rails ? RAILS : { RACK_ENV: 'production', MALLOC_ARENA_MAX: '2' }),
      LANG: 'C.UTF-8',
      BUNDLE_DEPLOYMENT: '1',
      BUNDLE_PATH: '/usr/local/bundle',
      BUNDLE_WITHOUT: 'development:test',
      LD_PRELOAD: 'libjemalloc.so.2',
    }),
    '',
    'FROM base AS build',
    ...aptInstall(
      [...new Set(['build-essential', 'git', 'libyaml-dev', 'pkg-config', ...packages.build])].sort(),
    ),
    ...(node?.copy ?? []),
    'COPY Gemfile Gemfile.lock ./',
    ...(build.files.includes('.ruby-version') ? ['COPY .ruby-version ./'] : []),
    ...(build.files.includes('.tool-versions') ? ['COPY .tool-versions ./'] : []),
    'RUN bundle install && \\',
    '    rm -rf ~/.bundle/ "${BUNDLE_PATH}"/ruby/*/cache "${BUNDLE_PATH}"/ruby/*/bundler/gems/*/.git',
    ...(node?.install ?? []),
    'COPY . .',
    ...('bootsnap' in gems ? ['RUN bundle exec bootsnap precompile --gemfile app/ lib/'] : []),
    ...(assets
      ? [
          '# No secret is needed to make the assets, and none is given: these values are for this one command.',
          `RUN ${secret} DATABASE_URL=postgres://nobody@localhost/none REDIS_URL=redis://localhost:6379/0 \\`,
          '    bundle exec rails assets:precompile',
        ]
      : []),
    ...(node === undefined ? [] : ['RUN rm -rf node_modules tmp/cache']),
    '',
    'FROM base',
    'RUN groupadd --system --gid 1000 app && \\',
    '    useradd app --uid 1000 --gid 1000 --create-home --shell /bin/bash',
    'COPY --from=build /usr/local/bundle /usr/local/bundle',
    'COPY --from=build --chown=app:app /app /app',
    'USER 1000:1000',
    ...PORT_LINES,
    ...command(web),
    '',
  ].join('\n');
  return {
    text,
    checks: [
      ...(version.check === null ? [] : [version.check]),
      ...(language.lock === null
        ? ['there is no Gemfile.lock: run `bundle lock` and commit it, or the build fails']
        : []),
      ...(javascript && build.npm.some((name) => /^(puppeteer|playwright)/.test(name))
        ? ['Node runs only while building: puppeteer or playwright at run time need it in the last stage']
        : []),
      ...(assets && (facts.rails?.credentials.length ?? 0) > 0
        ? [
            'a build without RAILS_MASTER_KEY cannot read credentials: `config.require_master_key` must not be on while assets are made',
          ]
        : []),
    ],
  };
}
