import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll } from '@jest/globals';
import type { Item } from '../../../src/migration/item.ts';
import type { AppKnown } from '../../../src/repository/repository-items.ts';

const made: string[] = [];

afterAll(async () => {
  for (const directory of made) await rm(directory, { recursive: true, force: true });
});

/** A checkout with these files, gone after the tests. */
export async function checkout(files: Record<string, string | Buffer>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'checkout-'));
  made.push(root);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

export function app(known: Partial<AppKnown> = {}): AppKnown {
  return {
    appName: 'shop',
    configVarNames: ['DATABASE_URL'],
    processTypes: null,
    herokuHosts: ['shop-1a2b3c.herokuapp.com'],
    ...known,
  };
}

/** `verdict id`, one a line, for a whole list. */
export function verdicts(items: readonly Item[]): string[] {
  return items.map(({ verdict, id }) => `${verdict} ${id}`).sort();
}

export function itemOf(items: readonly Item[], id: string): Item {
  const found = items.find((item) => item.id === id);
  if (found === undefined) throw new Error(`No item ${id} among ${items.map((item) => item.id).join(', ')}`);
  return found;
}

/** The origin case: Rails with Sidekiq, a schedule, uploads and an Aptfile. */
export const RAILS: Readonly<Record<string, string>> = {
  Procfile: `web: bundle exec puma -C config/puma.rb
worker: bundle exec sidekiq -C config/sidekiq.yml
slow: cd . && bundle exec sidekiq -q slow
clock: bundle exec clockwork clock.rb
release: bundle exec rails db:migrate
`,
  Gemfile: `source "https://rubygems.org"
ruby "3.2.2"
gem "rails", "~> 7.0"
gem "sidekiq"
`,
  'Gemfile.lock': `GEM
  remote: https://rubygems.org/
  specs:
    carrierwave (3.0.4)
    clockwork (3.0.2)
    pg (1.5.4)
    puma (6.4.0)
    rails (7.0.8)
    railties (7.0.8)
    redis (4.8.1)
    rufus-scheduler (3.9.1)
    shopify_app (21.6.0)
    sidekiq (6.4.1)
    sidekiq-cron (1.8.0)

PLATFORMS
  x86_64-linux

DEPENDENCIES
  carrierwave
  clockwork
  pg
  rails (~> 7.0)
  redis
  shopify_app
  sidekiq
  sidekiq-cron

RUBY VERSION
   ruby 3.2.2p53

BUNDLED WITH
   2.4.19
`,
  '.ruby-version': 'ruby-3.2.2\n',
  Aptfile: '# images\nlibvips42\nffmpeg\nhttps://example.com/debs/wkhtmltox_0.12.6.deb\n',
  'app.json': JSON.stringify({
    buildpacks: [{ url: 'https://github.com/heroku/heroku-buildpack-apt' }, { url: 'heroku/ruby' }],
    scripts: { postdeploy: 'bundle exec rails db:seed' },
    env: { SECRET_KEY_BASE: { generator: 'secret' } },
  }),
  'config/puma.rb': `max_threads_count = ENV.fetch("RAILS_MAX_THREADS") { 5 }
min_threads_count = ENV.fetch("RAILS_MIN_THREADS") { max_threads_count }
threads min_threads_count, max_threads_count
workers ENV.fetch("WEB_CONCURRENCY") { 2 }
`,
  'config/sidekiq.yml': ':concurrency: 8\n:queues:\n  - default\n',
  'config/schedule.yml': 'nightly:\n  cron: "0 3 * * *"\n  class: Nightly\n',
  'config/storage.yml':
    'test:\n  service: Disk\n  root: tmp\n\nlocal:\n  # beside the code\n  service: Disk\n  root: <%= Rails.root.join("storage") %>\n\namazon:\n  service: S3\n',
  'config/environments/production.rb': `Rails.application.configure do
  config.active_storage.service = :local
  config.action_mailer.default_url_options = { host: "shop-1a2b3c.herokuapp.com" }
  # config.hosts << "commented.example.com"
  config.hosts << "shop.example.com"
end
`,
  'config/environments/development.rb': 'config.hosts << "dev.herokuapp.com"\n',
  'config/initializers/sidekiq.rb': `Sidekiq.configure_server do |config|
  config.redis = { url: ENV["REDIS_URL"], ssl_params: { verify_mode: OpenSSL::SSL::VERIFY_NONE } }
end
Sidekiq::Cron::Job.load_from_hash(YAML.load_file("config/schedule.yml"))
`,
  'config/initializers/session_store.rb':
    'Rails.application.config.session_store :cookie_store, key: "_shop", domain: ".shop.example.com"\n',
  'config/credentials.yml.enc': 'b2s=--b2s=--b2s=',
  'app/uploaders/photo_uploader.rb':
    'class PhotoUploader < CarrierWave::Uploader::Base\n  storage :file\nend\n',
  'app/models/release.rb':
    'class Release\n  VERSION = ENV["HEROKU_SLUG_COMMIT"]\n  NAME = ENV.fetch("DYNO", "web.1")\nend\n',
  'spec/models/release_spec.rb': 'ENV["HEROKU_APP_NAME"] = "other.herokuapp.com"\n',
  '.github/workflows/deploy.yml':
    'steps:\n  - uses: akhileshns/heroku-deploy@v3\n    with: { heroku_api_key: "${{ secrets.HEROKU_API_KEY }}" }\n',
  'node_modules/left/index.js': 'process.env.HEROKU_RELEASE_VERSION\n',
};
