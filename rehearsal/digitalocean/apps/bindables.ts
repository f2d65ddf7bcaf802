import type { ServiceSpec } from './spec.ts';

/** Values by name, under the word before the dot; `''` for those without one, `_self` is set per component. */
export type Bindings = ReadonlyMap<string, Readonly<Record<string, string>>>;

/**
 * Puts values into `${APP_URL}`, `${db.DATABASE_URL}`, `${_self.PRIVATE_URL}` and the like. A name that is not known
 * stays as it is; what DigitalOcean does then is not documented.
 */
export function resolve(value: string, bindings: Bindings): string {
  return value.replaceAll(/\$\{([^}]+)\}/g, (whole, name: string) => {
    const dot = name.lastIndexOf('.');
    const [owner, key] = dot < 0 ? ['', name] : [name.slice(0, dot), name.slice(dot + 1)];
    return bindings.get(owner)?.[key] ?? whole;
  });
}

export interface DatabaseAddress {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** PEM. */
  ca: string;
}

/**
 * The variables of a database component. The host is the public one, also for an app in a VPC (observed 2026-08), so
 * the app must be a trusted source.
 */
export function databaseBindings(address: DatabaseAddress): Record<string, string> {
  const { host, port, user, password, database, ca } = address;
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return {
    DATABASE_URL: `postgresql://${login}@${host}:${port}/${database}?sslmode=require`,
    JDBC_DATABASE_URL: `jdbc:postgresql://${host}:${port}/${database}?user=${user}&password=${password}&sslmode=require`,
    HOSTNAME: host,
    PORT: String(port),
    USERNAME: user,
    PASSWORD: password,
    DATABASE: database,
    CA_CERT: ca,
  };
}

/** The variables of the app itself. */
export function appBindings(app: { id: string; host: string }): Record<string, string> {
  return { APP_ID: app.id, APP_DOMAIN: app.host, APP_URL: `https://${app.host}` };
}

/** The variables of a service; `port` is where it really listens on this machine. */
export function serviceBindings(
  service: ServiceSpec,
  app: { host: string },
  port: number | undefined,
): Record<string, string> {
  const privatePort = String(port ?? service.http_port);
  return {
    HOSTNAME: '127.0.0.1',
    PRIVATE_DOMAIN: '127.0.0.1',
    PRIVATE_PORT: privatePort,
    PRIVATE_URL: `http://127.0.0.1:${privatePort}`,
    PUBLIC_URL: `https://${app.host}`,
    PUBLIC_ROUTE_PATH: service.routes?.[0]?.path ?? '/',
  };
}
