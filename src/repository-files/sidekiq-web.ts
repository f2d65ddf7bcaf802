import { MARK } from './build-facts.ts';

/** The variables without which Sidekiq's pages are not there at all. */
export const WEB_VARIABLES = ['SIDEKIQ_WEB_USER', 'SIDEKIQ_WEB_PASSWORD'] as const;

/** config/initializers/sidekiq_web.rb: Sidekiq's pages, and sidekiq-cron's, behind a password. */
export function sidekiqWeb(): string {
  const [user, password] = WEB_VARIABLES;
  return `# frozen_string_literal: true

# ${MARK}: Sidekiq's pages at /sidekiq, where the schedule is seen.
# It is yours: what you edit is not touched again.
#
# Without both variables there are no such pages: they are never open to everybody. Set them as config vars of the Heroku
# app, and provision carries them over as secrets; or as encrypted variables of the app on App Platform.
user = ENV.fetch('${user}', '')
password = ENV.fetch('${password}', '')

unless user.empty? || password.empty?
  require 'digest'
  require 'sidekiq/web'
  begin
    require 'sidekiq/cron/web'
  rescue LoadError
    # Without sidekiq-cron there is no page of it.
  end

  # Digests have one length, and both are compared to their end: the time that it takes tells nothing.
  same = lambda do |given, expected|
    ActiveSupport::SecurityUtils.secure_compare(Digest::SHA256.hexdigest(given), Digest::SHA256.hexdigest(expected))
  end
  pages = Rack::Auth::Basic.new(Sidekiq::Web, 'Sidekiq') do |given_user, given_password|
    same.call(given_user.to_s, user) & same.call(given_password.to_s, password)
  end

  Rails.application.routes.prepend do
    mount pages => '/sidekiq'
  end
end
`;
}
