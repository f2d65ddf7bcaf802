import { ConfigurationError } from '../errors.ts';

/** Heroku answers 404 for an app that is not there and for one that the token may not see. */
export function unknownApp(app: string): ConfigurationError {
  return new ConfigurationError(
    `Heroku knows no app "${app}" that this token may see. Check \`heroku-app\` in migration.yml against ` +
      '`heroku apps --all`, and that the token belongs to a collaborator of the app.',
  );
}
