"""Drivers of Python that write: HOST PORT DATABASE USER PASSWORD. The database has the table ecb.exr
of the sample, and the user may write. Each line of the output begins with ok or FAIL."""

import decimal
import sys

import psycopg
import sqlalchemy
from sqlalchemy.orm import Session, registry

host, port, database, user, password = sys.argv[1:6]
COLUMNS = "freq, currency, currency_denom, exr_type, exr_suffix, time_period, obs_value"
INSERT = f"insert into ecb.exr ({COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s)"
failed = False


def row(currency, period, value):
    return ("D", currency, "EUR", "SP00", "A", period, value)


def check(name, found, expected):
    global failed
    failed |= found != expected
    print("ok" if found == expected else f"FAIL {found!r} is not {expected!r}:", name)


def connect(**options):
    return psycopg.connect(
        host=host, port=port, dbname=database, user=user, password=password, **options
    )


def texts(connection, currency):
    sql = "select time_period, obs_value_text from ecb.exr where currency = %s order by 1"
    return connection.execute(sql, (currency,)).fetchall()


def plain(connection):
    values = [decimal.Decimal("0.9310"), 0.25, 7, None]
    for day, value in enumerate(values, 2):
        connection.execute(INSERT, row("CHF", f"2025-01-{day:02}", value))
    connection.commit()
    found = [text for _, text in texts(connection, "CHF")]
    check("digits of parameters", found, ["0.9310", "0.25", "7", None])
    state = None
    try:
        with connection.transaction():
            connection.execute(INSERT, row("CHF", "2025-01-02", 1))
    except psycopg.Error as error:
        state = error.sqlstate
    check("a key that is there, within a savepoint", state, "23505")
    connection.rollback()


def many(connection):
    with connection.cursor() as cursor:
        rows = [row("JPY", f"2025-01-{day:02}", decimal.Decimal("155.70")) for day in range(2, 30)]
        cursor.executemany(INSERT, rows)
        check("executemany", cursor.rowcount, 28)
        connection.rollback()
        check("rollback", texts(connection, "JPY"), [])
        cursor.executemany(INSERT + " returning obs_value_text", rows, returning=True)
        check("returning", cursor.fetchone(), ("155.70",))
    connection.commit()


def copies(connection):
    with connection.cursor() as cursor:
        for currency, form in (("SEK", "text"), ("NOK", "csv"), ("DKK", "binary")):
            sql = f"copy ecb.exr ({COLUMNS}) from stdin (format {form})"
            with cursor.copy(sql) as copy:
                if form == "csv":
                    copy.write("D,NOK,EUR,SP00,A,2025-01-02,1.50\r\nD,NOK,EUR,SP00,A,2025-01-03,\r\n")
                    continue
                if form == "binary":
                    copy.set_types(["text"] * 6 + ["float8"])
                for day in (2, 3):
                    copy.write_row(row(currency, f"2025-01-{day:02}", 1.5))
            check(f"copy {form}", cursor.statusmessage, "COPY 2")
        check("copy csv", cursor.rowcount, 2)
    connection.commit()
    check("rows of a copy", [text for _, text in texts(connection, "NOK")], ["1.50", None])


def changes(connection):
    value = decimal.Decimal("2.50")
    found = connection.execute(
        "update ecb.exr set obs_value = %s where currency = %s and time_period = %s",
        (value, "SEK", "2025-01-02"),
    )
    check("update", found.rowcount, 1)
    found = connection.execute(
        "update ecb.exr set obs_value = obs_value * %s where currency = %s and time_period = %s "
        "returning obs_value",
        (2, "SEK", "2025-01-02"),
    )
    check("update of what is there", found.fetchall(), [(5.0,)])
    connection.commit()
    with connect() as rival:
        sql = "update ecb.exr set obs_value = %s where currency = 'SEK' and time_period = %s"
        connection.execute(sql, (3, "2025-01-02"))
        rival.execute(sql, (4, "2025-01-03"))
        rival.commit()
        state = None
        try:
            connection.commit()
        except psycopg.Error as error:
            state = error.sqlstate
    check("the first to commit wins", state, "40001")
    with connect(autocommit=True) as single, single.pipeline():
        found = single.execute("delete from ecb.exr where currency = 'JPY'")
    check("delete in a pipeline", found.rowcount, 28)


def mapped(driver):
    url = f"postgresql+{driver}://{user}:{password}@{host}:{port}/{database}"
    engine = sqlalchemy.create_engine(url)
    table = sqlalchemy.Table("exr", sqlalchemy.MetaData(), schema="ecb", autoload_with=engine)

    class Rate:
        pass

    registry().map_imperatively(Rate, table)
    names = [name.strip() for name in COLUMNS.split(",")]
    of_driver = table.c.currency == "PLN"
    with Session(engine) as session:
        for day in (10, 11, 12):
            rate = Rate()
            for name, value in zip(names, row("PLN", f"2025-02-{day}", decimal.Decimal("4.30"))):
                setattr(rate, name, value)
            session.add(rate)
        session.commit()
        query = sqlalchemy.select(Rate).where(of_driver).order_by(table.c.time_period)
        first = session.execute(query).scalars().first()
        first.obs_value = 5.5
        session.commit()
        query = sqlalchemy.select(table.c.obs_value).where(of_driver).order_by(table.c.time_period)
        found = [float(value) for value in session.execute(query).scalars()]
        check(f"objects, {driver}", found, [5.5, 4.3, 4.3])
        session.delete(first)
        session.commit()
        session.execute(table.delete().where(of_driver))
        session.commit()
        check(f"deleted, {driver}", session.execute(query).all(), [])


def guarded(name, step, *arguments):
    global failed
    try:
        step(*arguments)
    except Exception as error:
        failed = True
        print(f"FAIL {name}: {type(error).__name__}: {str(error)[:300]}")


with connect() as connection:
    for step in (plain, many, copies, changes):
        guarded(step.__name__, step, connection)
        connection.rollback()
for driver in ("psycopg", "psycopg2", "pg8000"):
    guarded(driver, mapped, driver)
sys.exit(failed)
