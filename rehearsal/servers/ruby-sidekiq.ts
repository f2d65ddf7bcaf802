import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { cacheDirectory } from './cache-directory.ts';
import { fetchPackages } from './debian-packages.ts';
import type { Available } from './pinned-downloads.ts';

const run = promisify(execFile);

/** The real Sidekiq with sidekiq-cron, and a Ruby that finds them. */
export interface RubySidekiq {
  ruby: string;
  /** A program in Ruby: `ruby <sidekiq> -r ./app.rb`. */
  sidekiq: string;
  /** The whole environment that programs in this Ruby need; `ruby` is on its PATH. */
  environment: Record<string, string>;
  /** For example `Sidekiq 6.4.1 and sidekiq-cron 1.8.0 on Ruby 3.1.2`. */
  versions: string;
}

/**
 * The distribution's own packages of Sidekiq and sidekiq-cron with all they need, unpacked into our cache, Ruby
 * included where the machine has none: nothing is installed, no root is needed. Where they cannot be had or do not run,
 * it says why.
 */
export async function findRubySidekiq(log: Log, cache = cacheDirectory()): Promise<Available<RubySidekiq>> {
  try {
    if (process.platform !== 'linux')
      throw new Error(`its packages are for Linux, this is ${process.platform}`);
    const { directory, environment } = await fetchPackages({
      packages: ['ruby-sidekiq', 'ruby-sidekiq-cron'],
      needed: /^(ruby|lib(?!js-))/,
      check: [],
      cache,
      log,
    });
    return { found: await started(directory, environment) };
  } catch (error) {
    return { missing: `Debian's ruby-sidekiq and ruby-sidekiq-cron cannot be had here: ${messageOf(error)}` };
  }
}

/** Asks the whole of it for its versions, as what is unpacked may still lack something. */
async function started(root: string, libraries: Record<string, string>): Promise<RubySidekiq> {
  const bin = join(root, 'usr/bin');
  const ruby = existsSync(join(bin, 'ruby')) ? join(bin, 'ruby') : '/usr/bin/ruby';
  const environment = {
    ...libraries,
    ...rubyPaths(root),
    PATH: [bin, process.env['PATH'] ?? ''].join(delimiter),
    // Nothing of this machine's own gems.
    GEM_HOME: join(root, 'no-gems'),
    HOME: root,
    LANG: 'C.UTF-8',
  };
  const script = `
    require 'openssl'; require 'sidekiq/cli'; require 'sidekiq-cron'
    cron = Gem.loaded_specs['sidekiq-cron'] || Gem::Specification.find_by_name('sidekiq-cron')
    puts "Sidekiq #{Sidekiq::VERSION} and sidekiq-cron #{cron.version} on Ruby #{RUBY_VERSION}"`;
  const { stdout } = await run(ruby, ['-e', script], { env: environment });
  return { ruby, sidekiq: join(bin, 'sidekiq'), environment, versions: stdout.trim() };
}

/** Debian's Ruby looks below /usr, wherever it was unpacked: everything is named to it, newest version first. */
function rubyPaths(root: string): Record<string, string> {
  const shared = join(root, 'usr/share/rubygems-integration');
  const inLib = join(root, 'usr/lib/ruby');
  const versions = (existsSync(inLib) ? readdirSync(inLib) : [])
    .filter((name) => /^\d/.test(name))
    .sort()
    .reverse();
  const triplets = readdirSync(join(root, 'usr/lib')).filter((name) => name.includes('-linux-'));
  const places = [inLib, ...triplets.map((triplet) => join(root, 'usr/lib', triplet, 'ruby'))];
  const libraries = [
    ...versions.flatMap((version) => places.map((place) => join(place, 'vendor_ruby', version))),
    ...places.map((place) => join(place, 'vendor_ruby')),
    ...versions.flatMap((version) => places.map((place) => join(place, version))),
  ];
  const gems = [
    join(shared, 'all'),
    ...versions.flatMap((version) => [join(shared, version), join(inLib, 'gems', version)]),
  ];
  return {
    RUBYLIB: libraries.filter((path) => existsSync(path)).join(delimiter),
    // What ends with a delimiter is followed by Ruby's own places: those of an installed one.
    GEM_PATH: `${gems.filter((path) => existsSync(path)).join(delimiter)}${delimiter}`,
  };
}
