import { ConfigurationError } from '../errors.ts';

/** There is no such app, or the token may not see it: nothing can be told of it. */
export class UnknownAppError extends ConfigurationError {}

/** Heroku answers 404 for an app that is not there and for one that the token may not see. */
export function unknownApp(app: string): UnknownAppError {
  return new UnknownAppError(
    `Heroku knows no app "${app}" that this token may see. Check \`heroku-app\` (in migration.yml, or the input) against ` +
      '`heroku apps --all`, and that the token belongs to a collaborator of the app.',
  );
}
