import type { BuildFacts } from './build-facts.ts';
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

const VENV = '/opt/venv';

/** Python: libraries are installed into a virtual environment in one stage, which the other one gets. */
export function pythonDockerfile(input: DockerfileInput): GeneratedDockerfile {
  const { build, language, packages, web } = input;
  const version = imageVersion('python', language);
  const installed = installation(build);
  const django = build.pypi.includes('django') && build.files.includes('manage.py');
  const gunicorn = build.pypi.some((name) => name === 'gunicorn' || name === 'uvicorn');
  const text = [
    ...dockerfileHead('Python, its libraries installed in a stage of their own.'),
    `ARG PYTHON_VERSION=${version.tag}`,
    'FROM docker.io/library/python:${PYTHON_VERSION}-slim AS base',
    'WORKDIR /app',
    ...aptInstall(packages.run),
    ...environment({
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      PATH: `${VENV}/bin:$PATH`,
      VIRTUAL_ENV: VENV,
      // What Heroku's buildpack sets: without the first, gunicorn takes every request for plain http.
      ...(gunicorn
        ? { FORWARDED_ALLOW_IPS: '*', GUNICORN_CMD_ARGS: '--access-logfile -', WEB_CONCURRENCY: '2' }
        : {}),
    }),
    '',
    'FROM base AS build',
    ...aptInstall([...new Set(['build-essential', 'git', ...packages.build])].sort()),
    `RUN python -m venv ${VENV}`,
    ...installed.lines,
    ...(installed.needsSource ? [] : ['COPY . .']),
    ...(django
      ? [
          '# No secret is needed to collect the static files, and none is given: these values are for this one command.',
          'RUN SECRET_KEY=only-while-building DJANGO_SECRET_KEY=only-while-building \\',
          '    DATABASE_URL=postgres://nobody@localhost/none REDIS_URL=redis://localhost:6379/0 \\',
          '    python manage.py collectstatic --noinput',
        ]
      : []),
    '',
    'FROM base',
    'RUN groupadd --system --gid 1000 app && \\',
    '    useradd app --uid 1000 --gid 1000 --create-home --shell /bin/bash',
    `COPY --from=build ${VENV} ${VENV}`,
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
      ...(installed.check === null ? [] : [installed.check]),
      ...(django
        ? [
            '`collectstatic` runs without config vars: give one that your settings demand a value for this command only, in the same line',
          ]
        : []),
    ],
  };
}

/** How libraries get in, by the lock file; with `needsSource` the whole source is there already. */
function installation({ files, requirementsAlone }: BuildFacts): {
  lines: string[];
  check: string | null;
  needsSource?: true;
} {
  const has = (name: string): boolean => files.includes(name);
  if (has('uv.lock')) {
    return {
      lines: [
        'COPY --from=ghcr.io/astral-sh/uv:latest /uv /usr/local/bin/uv',
        'COPY pyproject.toml uv.lock ./',
        `RUN UV_PROJECT_ENVIRONMENT=${VENV} uv sync --frozen --no-dev --no-install-project`,
      ],
      check: 'the image of uv is taken by `latest`: write the version that you use',
    };
  }
  if (has('poetry.lock')) {
    return {
      lines: [
        'RUN python -m venv /opt/poetry && /opt/poetry/bin/pip install --no-cache-dir poetry',
        'COPY pyproject.toml poetry.lock ./',
        'RUN /opt/poetry/bin/poetry install --only main --no-root --no-interaction',
      ],
      check: 'the newest Poetry is taken: write the version that you use',
    };
  }
  if (has('Pipfile.lock') || has('Pipfile')) {
    return {
      lines: [
        'RUN python -m venv /opt/pipenv && /opt/pipenv/bin/pip install --no-cache-dir pipenv',
        `COPY ${['Pipfile', 'Pipfile.lock'].filter(has).join(' ')} ./`,
        `RUN PIPENV_IGNORE_VIRTUALENVS=0 /opt/pipenv/bin/pipenv ${has('Pipfile.lock') ? 'sync' : 'install --skip-lock'}`,
      ],
      check: has('Pipfile.lock') ? null : 'there is no Pipfile.lock: each build takes the newest libraries',
    };
  }
  if (has('requirements.txt') && requirementsAlone) {
    return {
      lines: ['COPY requirements.txt ./', 'RUN pip install --no-cache-dir -r requirements.txt'],
      check: null,
    };
  }
  // A list may include others (`-r requirements/base.txt`), and `.` is the source.
  const what = has('requirements.txt') ? '-r requirements.txt' : '.';
  return { lines: ['COPY . .', `RUN pip install --no-cache-dir ${what}`], check: null, needsSource: true };
}
