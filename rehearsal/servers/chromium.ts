import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { cacheDirectory } from './cache-directory.ts';
import { fetchPackages } from './debian-packages.ts';
import type { Available } from './pinned-downloads.ts';
import { temporaryDirectory } from './process.ts';

const run = promisify(execFile);

/** A Chromium without a window, and what it must be started with. */
export interface Chromium {
  program: string;
  environment: NodeJS.ProcessEnv;
}

const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/**
 * The machine's Chromium, or the distribution's package with all that it needs and one family of fonts, unpacked into
 * our cache: nothing is installed. Where neither can be had it says why.
 */
export async function findChromium(log: Log, cache = cacheDirectory()): Promise<Available<Chromium>> {
  const own = PROGRAMS.flatMap((name) =>
    (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)),
  ).find((path) => existsSync(path));
  if (own !== undefined) return { found: { program: own, environment: process.env } };
  try {
    if (process.platform !== 'linux')
      throw new Error(`its packages are for Linux, this is ${process.platform}`);
    const { directory, environment } = await fetchPackages({
      packages: ['chromium-headless-shell', 'fonts-liberation2', 'fontconfig-config'],
      needed: /^(lib|chromium-|fonts-liberation)/,
      // A library of sound looks for a part of its own where it would be installed: it is told below where it is.
      check: [],
      cache,
      log,
    });
    const found = {
      program: join(directory, PLACE),
      environment: {
        PATH: process.env['PATH'],
        LD_LIBRARY_PATH: withSound(environment.LD_LIBRARY_PATH ?? ''),
        FONTCONFIG_FILE: fontsOf(directory),
      },
    };
    await run(found.program, ['--version'], { env: found.environment, timeout: 30_000 });
    return { found };
  } catch (error) {
    return { missing: `neither a Chromium here nor Debian's can be had: ${messageOf(error)}` };
  }
}

function withSound(libraries: string): string {
  const folders = libraries.split(':');
  return [...folders, ...folders.map((folder) => join(folder, 'pulseaudio'))].join(':');
}

/** Where Debian's package has it. */
const PLACE = 'usr/lib/chromium/chromium-headless-shell';

/** Fonts are looked for where they were unpacked, and nowhere else: a page looks alike on every machine. */
function fontsOf(root: string): string {
  const home = temporaryDirectory('fonts');
  const file = join(home, 'fonts.conf');
  writeFileSync(
    file,
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${join(root, 'usr/share/fonts')}</dir><cachedir>${join(home, 'cache')}</cachedir>
${['system-ui', 'sans', 'sans-serif', 'Arial', 'Helvetica'].map((family) => alias(family, 'Liberation Sans')).join('\n')}
${['monospace', 'Menlo', 'Consolas'].map((family) => alias(family, 'Liberation Mono')).join('\n')}
</fontconfig>`,
  );
  return file;
}

function alias(family: string, ours: string): string {
  return `<alias binding="same"><family>${family}</family><prefer><family>${ours}</family></prefer></alias>`;
}
