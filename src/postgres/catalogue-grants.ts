import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/**
 * SQL: each right on the application's objects that one of the roles of `$1` was given, or everyone was; what an owner has
 * anyway is left out, and who gave it. The schema public is every database's own.
 */
export const GRANTS = `
  WITH granted AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS identity, c.relowner AS owner,
           COALESCE(c.relacl, pg_catalog.acldefault((CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", c.relowner)) AS acl
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     UNION ALL
    SELECT 'column', pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname), c.relowner, a.attacl
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND ${isUserSchema('n.nspname')}
       AND ${isNoExtensionMember('pg_class', 'c.oid')}
     UNION ALL
    SELECT 'function', p.oid::pg_catalog.regprocedure::text, p.proowner,
           COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_proc', 'p.oid')}
     UNION ALL
    SELECT 'type', pg_catalog.format_type(t.oid, NULL), t.typowner,
           COALESCE(t.typacl, pg_catalog.acldefault('T', t.typowner))
      FROM pg_catalog.pg_type t
      JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typtype IN ('e', 'd', 'r') AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_type', 't.oid')}
     UNION ALL
    SELECT 'schema', pg_catalog.quote_ident(n.nspname), n.nspowner,
           COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))
      FROM pg_catalog.pg_namespace n
     WHERE n.nspname <> 'public' AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_namespace', 'n.oid')}
     UNION ALL
    SELECT pg_catalog.format('future %s in', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
             WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END),
           COALESCE('schema ' || pg_catalog.quote_ident(n.nspname), 'the database'), d.defaclrole, d.defaclacl
      FROM pg_catalog.pg_default_acl d
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
     WHERE d.defaclrole = current_user::pg_catalog.regrole AND (n.oid IS NULL OR ${isUserSchema('n.nspname')})
  )
  SELECT pg_catalog.format('grant of %s on %s %s to %s', one.privilege_type, granted.kind, granted.identity,
           COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC')) AS object,
         CASE WHEN pg_catalog.bool_or(one.is_grantable) THEN 'with grant option' ELSE '' END AS definition
    FROM granted
   CROSS JOIN LATERAL pg_catalog.aclexplode(granted.acl) AS one
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = one.grantee
   WHERE one.grantee <> granted.owner AND (one.grantee = 0 OR r.rolname = ANY ($1::name[]))
   GROUP BY 1`;
