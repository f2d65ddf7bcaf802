import { MARK } from './build-facts.ts';

/** The Rack middleware; with `rails` it puts itself in front of all others, as a Rails initializer. */
export function frontDoorRuby(rails: boolean): string {
  return `# frozen_string_literal: true

# ${MARK}: trusts the forwarder that stands at Heroku for a while.
# It is yours: what you edit is not touched again.
#
# While the domains still lead to Heroku, requests reach this app through a forwarder, under another host name and from
# another address. The forwarder signs what they came with: host, scheme, port and the visitor's address. With a valid
# signature the request gets them back, as Heroku's router would have given them; anything else is left as it is. Where
# FRONT_DOOR_SECRET is not set, as at Heroku itself, nothing is trusted.
require 'json'
require 'openssl'
require 'rack/utils'

class FrontDoor
  HEADER = 'HTTP_X_FRONT_DOOR'
  VALID_SECONDS = 300

  def initialize(app, secret = ENV.fetch('FRONT_DOOR_SECRET', ''))
    @app = app
    @secret = secret
  end

  def call(env)
    came = verified(env.delete(HEADER))
    return proof(came['probe']) if came && came['probe']

    restore(env, came) if came
    @app.call(env)
  end

  private

  def verified(signed)
    payload, signature = signed.to_s.split('.', 2)
    return if @secret.empty? || signature.nil?
    return unless Rack::Utils.secure_compare(sign(payload), signature)

    came = JSON.parse(payload.tr('-_', '+/').unpack1('m').force_encoding('UTF-8'))
    came if (Time.now.to_i - came['at'].to_i).abs <= VALID_SECONDS
  rescue JSON::ParserError
    nil
  end

  def restore(env, came)
    %w[HTTP_X_FORWARDED_HOST HTTP_FORWARDED].each { |name| env.delete(name) }
    { 'HTTP_HOST' => 'host', 'HTTP_X_FORWARDED_PROTO' => 'proto', 'HTTP_X_FORWARDED_PORT' => 'port',
      'HTTP_X_FORWARDED_FOR' => 'for' }.each do |name, key|
      came[key] ? env[name] = came[key] : env.delete(name)
    end
    env['rack.url_scheme'] = came['proto'] if %w[http https].include?(came['proto'])
  end

  # Shows the migration, before the window, that this app trusts its forwarder.
  def proof(nonce)
    [200, { 'content-type' => 'text/plain', 'cache-control' => 'no-store' }, [sign("probe #{nonce}")]]
  end

  def sign(text)
    [OpenSSL::HMAC.digest('SHA256', @secret, text)].pack('m0').tr('+/', '-_').delete('=')
  end
end
${
  rails
    ? `
Rails.application.config.middleware.insert_before 0, FrontDoor
`
    : ''
}`;
}
