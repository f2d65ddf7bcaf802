export interface PostgresTools {
  pgDump: string;
  pgRestore: string;
  psql: string;
  major: number;
}

export function findPostgresTools(
  minimumMajor: number,
  options: { environmentPath?: string } = {},
): Promise<PostgresTools> {
  void minimumMajor;
  void options;
  return Promise.reject(new Error('not yet'));
}
