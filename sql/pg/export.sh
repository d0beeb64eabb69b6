#!/usr/bin/env bash
# Writes catalogue.copy.zst: the rows that every database of PostgreSQL 15 is born with, as
# `COPY` writes them, one block a relation. Needs the server programs of PostgreSQL 15 and zstd;
# run as a user who may own a server (not root).
set -euo pipefail
cd "$(dirname "$0")"
bin=${PG_BIN:-/usr/lib/postgresql/15/bin}
work=$(mktemp -d)
trap '"$bin/pg_ctl" -D "$work/data" stop -m immediate >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
"$bin/initdb" -D "$work/data" -U sdmxdb --locale=C.UTF-8 -E UTF8 >/dev/null
"$bin/pg_ctl" -D "$work/data" -w -o "-k $work -c listen_addresses=''" -l "$work/log" start >/dev/null
sql() { "$bin/psql" -h "$work" -U sdmxdb -d postgres -XAtq "$@"; }

# A column as it is stored here: regproc as its number, an expression as its text, no paths.
columns() {
    sql -c "SELECT string_agg(CASE
        WHEN atttypid = 'regproc'::regtype THEN quote_ident(attname) || '::oid'
        WHEN attname = 'proargdefaults' THEN 'pg_get_expr(proargdefaults, 0)'
        WHEN attname = 'prosqlbody' THEN 'pg_get_function_sqlbody(oid)'
        WHEN atttypid = 'pg_node_tree'::regtype THEN 'NULL'
        ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = 'pg_catalog.$1'::regclass AND attnum > 0"
}
block() { # relation, condition, order
    echo "COPY $1"
    sql -c "COPY (SELECT $(columns "$1") FROM pg_catalog.$1 WHERE $2 ORDER BY $3) TO STDOUT"
    echo '\.'
}
system="relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND relkind <> 't'"
{
    block pg_attribute "attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE $system)" "attrelid, attnum"
    block pg_type "typnamespace <> 'pg_toast'::regnamespace" oid
    block pg_class "$system" oid
    for table in proc operator cast am opclass opfamily amop amproc language conversion \
        ts_config ts_dict ts_parser ts_template extension tablespace; do
        block "pg_$table" true oid
    done
    block pg_namespace "nspname <> 'pg_toast'" oid
    block pg_collation "collprovider <> 'i' OR collname IN ('und-x-icu', 'unicode')" oid
    block pg_authid true oid
    block pg_auth_members true "roleid, member"
    block pg_aggregate true "aggfnoid::oid"
    block pg_range true rngtypid
    block pg_index "indrelid IN (SELECT oid FROM pg_class WHERE $system)" indexrelid
    block pg_constraint "connamespace <> 'pg_toast'::regnamespace" oid
    block pg_description true "classoid, objoid, objsubid"
    block pg_shdescription true "classoid, objoid"
    block pg_settings "name !~ '(_file|_directory|_directories|_command)\$'" name
    echo "COPY pg_get_keywords"
    sql -c "COPY (SELECT * FROM pg_get_keywords() ORDER BY word) TO STDOUT"
    echo '\.'
} | zstd -q -19 -f -o catalogue.copy.zst
