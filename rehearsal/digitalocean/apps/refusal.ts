import { ApiError } from '../api/error.ts';

/** App Platform answers an invalid spec with 400 and the first problem it sees, never with all of them. */
export function badSpec(field: string, problem: string): ApiError {
  return new ApiError(400, 'bad_request', `error validating app spec field "${field}": ${problem}`);
}
