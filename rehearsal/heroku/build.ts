import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { born, type App, type Build, type Platform, type Slug } from './platform.ts';
import { createRelease } from './release.ts';

/**
 * Builds source code as Heroku does with its Node.js buildpack, as far as a program without dependencies goes: the
 * archive is unpacked and looked at, its Procfile becomes the process types, the slug is released on its app, and its
 * commands run for real. Returns at once; the build ends after the played time.
 */
export function startBuild(
  platform: Platform,
  app: App,
  { source, buildpacks }: Pick<Build, 'source' | 'buildpacks'>,
  archive: Buffer | undefined,
): Build {
  const build: Build = {
    ...born(platform),
    ...{ status: 'pending', source, buildpacks, stack: app.stack },
    ...{ slug: undefined, release: undefined, output: ['-----> Building on the Heroku-24 stack'] },
  };
  app.builds.push(build);
  void run(platform, app, build, archive);
  return build;
}

async function run(platform: Platform, app: App, build: Build, archive: Buffer | undefined): Promise<void> {
  await delay(platform.played.buildMs, undefined, { ref: false });
  // Deleted meanwhile, or the world has ended.
  if (platform.stopped || !platform.apps.includes(app)) return;
  try {
    const slug = await compile(platform, app, build, archive);
    app.slugs.push(slug);
    build.slug = slug;
    build.release = createRelease(platform, app, {
      description: `Deploy ${build.source.version?.slice(0, 8) ?? slug.id.slice(0, 8)}`,
      slug,
    });
    build.status = 'succeeded';
  } catch (error) {
    build.output.push(` !     ${messageOf(error)}`, ' !     Push rejected, failed to compile Node.js app.');
    build.status = 'failed';
  }
  build.updatedAt = new Date();
}

async function compile(
  platform: Platform,
  app: App,
  build: Build,
  archive: Buffer | undefined,
): Promise<Slug> {
  if (archive === undefined) throw new Error('The source archive could not be downloaded.');
  const checksum = `SHA256:${createHash('sha256').update(archive).digest('hex')}`;
  if (build.source.checksum !== null && build.source.checksum !== checksum)
    throw new Error('The checksum of the source archive does not match.');
  const directory = temporaryDirectory('slug');
  writeFileSync(join(directory, 'source.tgz'), archive);
  await promisify(execFile)('tar', ['-xzf', 'source.tgz'], { cwd: directory });
  await promisify(execFile)('rm', ['source.tgz'], { cwd: directory });
  return {
    ...born(platform),
    processTypes: nodeProcesses(directory, build.output),
    directory,
    commit: build.source.version,
    commitDescription: build.source.versionDescription,
    checksum,
    buildpackDescription: 'Node.js',
    stack: app.stack,
    size: archive.length,
  };
}

/** What the Node.js buildpack makes of a directory. It installs nothing here, so nothing may be asked for. */
function nodeProcesses(directory: string, output: string[]): Record<string, string> {
  const manifest = join(directory, 'package.json');
  if (!existsSync(manifest)) throw new Error('App not compatible with buildpack: there is no package.json.');
  const { dependencies = {}, scripts = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    dependencies?: Record<string, string>;
    scripts?: Record<string, string>;
  };
  if (Object.keys(dependencies).length > 0)
    throw new Error('This played buildpack installs no dependencies.');
  output.push('-----> Node.js app detected', '-----> Build succeeded!');
  const procfile = join(directory, 'Procfile');
  const lines = existsSync(procfile) ? readFileSync(procfile, 'utf8').split('\n') : [];
  const types = lines.flatMap((line) => {
    const [, type, command] = /^([\w-]+):\s*(.+)$/.exec(line) ?? [];
    return type === undefined || command === undefined ? [] : [[type, command.trim()] as const];
  });
  if (types.length > 0) return Object.fromEntries(types);
  return scripts['start'] === undefined ? {} : { web: 'npm start' };
}
