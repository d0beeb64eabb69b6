-- The views of PostgreSQL's catalogue and of the information schema, as far as a database that
-- only reads can fill them. Columns are matched by name; those left out here are NULL, and a view
-- left out is empty.

CREATE VIEW pg_catalog.pg_roles AS
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
    rolconnlimit, '********'::text AS rolpassword, rolvaliduntil, rolbypassrls, oid
FROM pg_catalog.pg_authid;

CREATE VIEW pg_catalog.pg_shadow AS
SELECT rolname AS usename, oid AS usesysid, rolcreatedb AS usecreatedb, rolsuper AS usesuper,
    rolreplication AS userepl, rolbypassrls AS usebypassrls
FROM pg_catalog.pg_authid WHERE rolcanlogin;

CREATE VIEW pg_catalog.pg_user AS
SELECT usename, usesysid, usecreatedb, usesuper, userepl, usebypassrls, '********'::text AS passwd
FROM pg_catalog.pg_shadow;

CREATE VIEW pg_catalog.pg_group AS
SELECT rolname AS groname, oid AS grosysid,
    ARRAY(SELECT member FROM pg_catalog.pg_auth_members WHERE roleid = oid) AS grolist
FROM pg_catalog.pg_authid WHERE NOT rolcanlogin;

CREATE VIEW pg_catalog.pg_tables AS
SELECT n.nspname AS schemaname, c.relname AS tablename, pg_get_userbyid(c.relowner) AS tableowner,
    c.relhasindex AS hasindexes, c.relhasrules AS hasrules, c.relhastriggers AS hastriggers,
    c.relrowsecurity AS rowsecurity
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p');

CREATE VIEW pg_catalog.pg_views AS
SELECT n.nspname AS schemaname, c.relname AS viewname, pg_get_userbyid(c.relowner) AS viewowner,
    pg_get_viewdef(c.oid) AS definition
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v';

CREATE VIEW pg_catalog.pg_indexes AS
SELECT n.nspname AS schemaname, c.relname AS tablename, i.relname AS indexname,
    pg_get_indexdef(i.oid) AS indexdef
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace;

CREATE VIEW pg_catalog.pg_stat_all_tables AS
SELECT c.oid AS relid, n.nspname AS schemaname, c.relname, 0 AS seq_scan, 0 AS seq_tup_read,
    0 AS n_tup_ins, 0 AS n_tup_upd, 0 AS n_tup_del, 0 AS n_tup_hot_upd,
    greatest(c.reltuples, 0)::bigint AS n_live_tup, 0 AS n_dead_tup, 0 AS n_mod_since_analyze,
    0 AS n_ins_since_vacuum, 0 AS vacuum_count, 0 AS autovacuum_count, 0 AS analyze_count,
    0 AS autoanalyze_count
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r';

CREATE VIEW pg_catalog.pg_stat_user_tables AS
SELECT * FROM pg_catalog.pg_stat_all_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema');

CREATE VIEW pg_catalog.pg_stat_database AS
SELECT oid AS datid, datname, 0 AS numbackends FROM pg_catalog.pg_database;

CREATE VIEW information_schema.information_schema_catalog_name AS
SELECT current_database() AS catalog_name;

CREATE VIEW information_schema.schemata AS
SELECT current_database() AS catalog_name, n.nspname AS schema_name,
    pg_get_userbyid(n.nspowner) AS schema_owner
FROM pg_catalog.pg_namespace n;

CREATE VIEW information_schema.tables AS
SELECT current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
    CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'BASE TABLE' END AS table_type,
    'NO' AS is_insertable_into, 'NO' AS is_typed
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v');

CREATE VIEW information_schema.columns AS
SELECT current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
    a.attname AS column_name, a.attnum AS ordinal_position,
    CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS column_default,
    CASE WHEN a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) THEN 'NO' ELSE 'YES' END
        AS is_nullable,
    CASE WHEN b.typcategory = 'A' AND b.typlen = -1 THEN 'ARRAY'
        WHEN bn.nspname = 'pg_catalog' THEN format_type(b.oid, NULL)
        ELSE 'USER-DEFINED' END AS data_type,
    CASE WHEN b.oid IN (1042, 1043) AND coalesce(nullif(a.atttypmod, -1), t.typtypmod) > 4
        THEN coalesce(nullif(a.atttypmod, -1), t.typtypmod) - 4 END AS character_maximum_length,
    CASE WHEN b.oid IN (1042, 1043) AND coalesce(nullif(a.atttypmod, -1), t.typtypmod) > 4
        THEN (coalesce(nullif(a.atttypmod, -1), t.typtypmod) - 4) * 4
        WHEN b.typcategory = 'S' AND b.oid <> 19 THEN 1073741824 END AS character_octet_length,
    CASE b.oid WHEN 21 THEN 16 WHEN 23 THEN 32 WHEN 20 THEN 64 WHEN 700 THEN 24 WHEN 701 THEN 53
        END AS numeric_precision,
    CASE WHEN b.oid IN (20, 21, 23, 700, 701) THEN 2 WHEN b.oid = 1700 THEN 10 END
        AS numeric_precision_radix,
    CASE WHEN b.oid IN (20, 21, 23) THEN 0 END AS numeric_scale,
    CASE WHEN b.oid = 1082 THEN 0 WHEN b.oid IN (1083, 1114, 1184, 1186, 1266)
        THEN coalesce(nullif(t.typtypmod, -1), 6) END
        AS datetime_precision,
    CASE WHEN t.typtype = 'd' THEN current_database() END AS domain_catalog,
    CASE WHEN t.typtype = 'd' THEN tn.nspname END AS domain_schema,
    CASE WHEN t.typtype = 'd' THEN t.typname END AS domain_name,
    current_database() AS udt_catalog, bn.nspname AS udt_schema, b.typname AS udt_name,
    a.attnum::text AS dtd_identifier, 'NO' AS is_self_referencing, 'NO' AS is_identity,
    'NO' AS identity_cycle, CASE WHEN a.attgenerated = '' THEN 'NEVER' ELSE 'ALWAYS' END
        AS is_generated,
    CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END
        AS generation_expression,
    CASE WHEN a.attgenerated = '' AND c.relkind = 'r' THEN 'YES' ELSE 'NO' END AS is_updatable
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
JOIN pg_catalog.pg_namespace bn ON bn.oid = b.typnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v');

CREATE VIEW information_schema.views AS
SELECT current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
    pg_get_viewdef(c.oid) AS view_definition, 'NONE' AS check_option, 'NO' AS is_updatable,
    'NO' AS is_insertable_into, 'NO' AS is_trigger_updatable, 'NO' AS is_trigger_deletable,
    'NO' AS is_trigger_insertable_into
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v';

CREATE VIEW information_schema.table_constraints AS
SELECT current_database() AS constraint_catalog, n.nspname AS constraint_schema,
    con.conname AS constraint_name, current_database() AS table_catalog, n.nspname AS table_schema,
    c.relname AS table_name,
    CASE con.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' WHEN 'f' THEN 'FOREIGN KEY'
        ELSE 'CHECK' END AS constraint_type,
    'NO' AS is_deferrable, 'NO' AS initially_deferred, 'YES' AS enforced
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE con.contype IN ('p', 'u', 'f', 'c');

CREATE VIEW information_schema.key_column_usage AS
SELECT current_database() AS constraint_catalog, n.nspname AS constraint_schema,
    con.conname AS constraint_name, current_database() AS table_catalog, n.nspname AS table_schema,
    c.relname AS table_name, a.attname AS column_name, k.place AS ordinal_position,
    CASE con.contype WHEN 'f' THEN k.place END AS position_in_unique_constraint
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(con.conkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE con.contype IN ('p', 'u', 'f');

CREATE VIEW information_schema.referential_constraints AS
SELECT current_database() AS constraint_catalog, n.nspname AS constraint_schema,
    con.conname AS constraint_name, current_database() AS unique_constraint_catalog,
    un.nspname AS unique_constraint_schema, u.conname AS unique_constraint_name,
    'NONE' AS match_option, 'NO ACTION' AS update_rule, 'NO ACTION' AS delete_rule
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_namespace n ON n.oid = con.connamespace
LEFT JOIN pg_catalog.pg_constraint u ON u.conrelid = con.confrelid AND u.contype = 'p'
LEFT JOIN pg_catalog.pg_namespace un ON un.oid = u.connamespace
WHERE con.contype = 'f';

CREATE VIEW information_schema.constraint_table_usage AS
SELECT current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
    current_database() AS constraint_catalog, cn.nspname AS constraint_schema,
    con.conname AS constraint_name
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_class c
    ON c.oid = CASE con.contype WHEN 'f' THEN con.confrelid ELSE con.conrelid END
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_namespace cn ON cn.oid = con.connamespace
WHERE con.contype IN ('p', 'u', 'f');

CREATE VIEW information_schema.constraint_column_usage AS
SELECT current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
    a.attname AS column_name, current_database() AS constraint_catalog,
    cn.nspname AS constraint_schema, con.conname AS constraint_name
FROM pg_catalog.pg_constraint con
JOIN pg_catalog.pg_class c
    ON c.oid = CASE con.contype WHEN 'f' THEN con.confrelid ELSE con.conrelid END
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_namespace cn ON cn.oid = con.connamespace
CROSS JOIN unnest(CASE con.contype WHEN 'f' THEN con.confkey ELSE con.conkey END) AS k(attnum)
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE con.contype IN ('p', 'u', 'f');

CREATE VIEW information_schema.character_sets AS
SELECT 'UTF8' AS character_set_name, 'UCS' AS character_repertoire, 'UTF8' AS form_of_use,
    current_database() AS default_collate_catalog, 'pg_catalog' AS default_collate_schema,
    'C.UTF-8' AS default_collate_name;

CREATE VIEW information_schema.collations AS
SELECT current_database() AS collation_catalog, n.nspname AS collation_schema,
    c.collname AS collation_name, 'NO PAD' AS pad_attribute
FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace;

CREATE VIEW information_schema.routines AS
SELECT current_database() AS specific_catalog, n.nspname AS specific_schema,
    p.proname || '_' || p.oid::text AS specific_name, current_database() AS routine_catalog,
    n.nspname AS routine_schema, p.proname AS routine_name,
    CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS routine_type,
    CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN 'ARRAY'
        ELSE format_type(p.prorettype, NULL) END AS data_type, t.typname AS type_udt_name,
    'EXTERNAL' AS routine_body, upper(l.lanname) AS external_language,
    CASE WHEN p.provolatile = 'i' THEN 'YES' ELSE 'NO' END AS is_deterministic,
    'MODIFIES' AS sql_data_access, 'INVOKER' AS security_type
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.prokind IN ('f', 'p');

CREATE VIEW information_schema.parameters AS
SELECT current_database() AS specific_catalog, n.nspname AS specific_schema,
    p.proname || '_' || p.oid::text AS specific_name, k.place AS ordinal_position,
    'IN' AS parameter_mode, 'NO' AS is_result, 'NO' AS as_locator,
    format_type(k.type, NULL) AS data_type, t.typname AS udt_name
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN unnest(p.proargtypes) WITH ORDINALITY AS k(type, place)
JOIN pg_catalog.pg_type t ON t.oid = k.type;

CREATE VIEW information_schema.domains AS
SELECT current_database() AS domain_catalog, n.nspname AS domain_schema, t.typname AS domain_name,
    format_type(t.typbasetype, NULL) AS data_type, current_database() AS udt_catalog,
    bn.nspname AS udt_schema, b.typname AS udt_name
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
JOIN pg_catalog.pg_namespace bn ON bn.oid = b.typnamespace
WHERE t.typtype = 'd';

CREATE VIEW information_schema.enabled_roles AS
SELECT rolname AS role_name FROM pg_catalog.pg_authid WHERE rolname = current_user;

CREATE VIEW information_schema.table_privileges AS
SELECT pg_get_userbyid(c.relowner) AS grantor, 'PUBLIC' AS grantee,
    current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
    'SELECT' AS privilege_type, 'NO' AS is_grantable, 'YES' AS with_hierarchy
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v');

CREATE VIEW information_schema.role_table_grants AS
SELECT * FROM information_schema.table_privileges;

CREATE VIEW information_schema.column_privileges AS
SELECT pg_get_userbyid(c.relowner) AS grantor, 'PUBLIC' AS grantee,
    current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
    a.attname AS column_name, 'SELECT' AS privilege_type, 'NO' AS is_grantable
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0;

CREATE VIEW information_schema.role_column_grants AS
SELECT * FROM information_schema.column_privileges;
