/** A refusal in Cloudflare's form: an HTTP status, and a number of Cloudflare's own. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const notThere = (): ApiError => new ApiError(404, 81044, 'Record does not exist.');
export const forbidden = (): ApiError => new ApiError(403, 10000, 'Authentication error');
