import type { RepositoryFacts } from '../repository/read-repository.ts';
import type { BuildFacts } from './build-facts.ts';

/** Packages of the system, by their names in Debian. */
export interface SystemPackages {
  /** In the image that runs. */
  run: string[];
  /** Only while it is built. */
  build: string[];
  /** What a person has to see to. */
  checks: string[];
}

export interface PackageFacts {
  image: RepositoryFacts['image'];
  build: BuildFacts;
  /** Buildpacks of the app at Heroku, names or addresses. */
  buildpacks: readonly string[];
}

const HEADLESS = ['chromium', 'chromium-driver'];

/** What buildpacks add to a dyno beside a language, by a part of their name. */
const BUILDPACKS: readonly { name: RegExp; packages: readonly string[] }[] = [
  { name: /activestorage-preview/i, packages: ['ffmpeg', 'libvips', 'poppler-utils'] },
  { name: /ffmpeg/i, packages: ['ffmpeg'] },
  { name: /vips/i, packages: ['libvips'] },
  { name: /imagemagick/i, packages: ['imagemagick'] },
  { name: /chrome|puppeteer/i, packages: HEADLESS },
  { name: /libreoffice/i, packages: ['libreoffice'] },
  { name: /ghostscript/i, packages: ['ghostscript'] },
  { name: /poppler/i, packages: ['poppler-utils'] },
  { name: /tesseract/i, packages: ['tesseract-ocr'] },
  { name: /graphviz/i, packages: ['graphviz'] },
  { name: /wkhtmlto/i, packages: ['wkhtmltopdf'] },
  { name: /pdftk/i, packages: ['pdftk-java'] },
  { name: /buildpack-geo|gdal|\bgeos\b/i, packages: ['gdal-bin', 'libgeos-c1v5', 'proj-bin'] },
];

/** Buildpacks that need no package here: of languages, and of what the plan has another place for. */
const NEEDS_NONE =
  /ruby|nodejs|node-?js|python|apt$|heroku-buildpack-apt|metrics|pgbouncer|multi-procfile|procfile|subdir|monorepo|datadog|jemalloc|ssh|static|nginx|heroku\/(java|go|php|gradle|scala|clojure)/i;

/** Gems and libraries that are useless without a library of the system. */
const BY_GEM: Readonly<Record<string, { run?: string[]; build?: string[] }>> = {
  pg: { run: ['postgresql-client'], build: ['libpq-dev'] },
  mysql2: { run: ['default-mysql-client'], build: ['default-libmysqlclient-dev'] },
  'ruby-vips': { run: ['libvips'] },
  rmagick: { run: ['imagemagick'], build: ['libmagickwand-dev'] },
  mini_magick: { run: ['imagemagick'] },
  rugged: { build: ['cmake'] },
  charlock_holmes: { build: ['libicu-dev'] },
  psych: { build: ['libyaml-dev'] },
};
const BY_PYPI: Readonly<Record<string, { run?: string[]; build?: string[] }>> = {
  psycopg2: { run: ['libpq5'], build: ['libpq-dev'] },
  psycopg: { run: ['libpq5'] },
  mysqlclient: { run: ['libmariadb3'], build: ['default-libmysqlclient-dev', 'pkg-config'] },
  weasyprint: { run: ['libpango-1.0-0', 'libpangoft2-1.0-0', 'libharfbuzz-subset0'] },
  'python-magic': { run: ['libmagic1'] },
};

/** What the image must hold beside its language: from the Aptfile, the buildpacks and the libraries. */
export function systemPackages({ image, build, buildpacks }: PackageFacts): SystemPackages {
  const run: string[] = [];
  const more: string[] = [];
  const checks: string[] = [];
  for (const name of image.aptfile?.packages ?? []) {
    if (name.endsWith('.deb')) {
      checks.push(
        `${image.aptfile?.path ?? 'Aptfile'} fetches ${name} from an address: add it to the Dockerfile`,
      );
      if (/^wkhtml/i.test(name)) run.push('wkhtmltopdf');
    } else run.push(name);
  }
  for (const buildpack of buildpacks) {
    const known = BUILDPACKS.find(({ name }) => name.test(buildpack));
    if (known !== undefined) run.push(...known.packages);
    else if (!NEEDS_NONE.test(buildpack)) checks.push(`what the buildpack ${buildpack} adds is not known`);
  }
  const libraries = [
    ...Object.entries(BY_GEM).filter(([name]) => Object.hasOwn(build.gems, name)),
    ...Object.entries(BY_PYPI).filter(([name]) => build.pypi.includes(name)),
  ];
  for (const [, needs] of libraries) {
    run.push(...(needs.run ?? []));
    more.push(...(needs.build ?? []));
  }
  const runs = [...new Set(run)].filter((name) => /^[a-z0-9][a-z0-9.+-]*$/.test(name)).sort();
  if ((image.aptfile?.packages.length ?? 0) > 0)
    checks.push(
      'names of packages are those of Ubuntu in the Aptfile; Debian names a few of them differently',
    );
  return { run: runs, build: [...new Set(more)].filter((name) => !runs.includes(name)).sort(), checks };
}
