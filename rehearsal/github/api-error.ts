/** An answer of GitHub's API that is not a success. The message is GitHub's own where we know it. */
export class ApiError extends Error {
  readonly status: number;
  /** What GitHub says more exactly, beside a message like "Validation Failed". */
  readonly errors: readonly unknown[] | undefined;

  constructor(status: number, message: string, errors?: readonly unknown[]) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** As GitHub refuses what it understands and does not take. */
export function invalid(resource: string, message: string): ApiError {
  return new ApiError(422, 'Validation Failed', [{ resource, code: 'custom', message }]);
}
