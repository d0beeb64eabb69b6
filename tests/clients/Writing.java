import java.io.StringReader;
import java.math.BigDecimal;
import java.sql.*;
import org.postgresql.PGConnection;

/** pgjdbc that writes: HOST PORT DATABASE USER PASSWORD. As writing.py. */
public class Writing {
    static final String COLUMNS =
        "freq, currency, currency_denom, exr_type, exr_suffix, time_period, obs_value";
    static boolean failed = false;

    static void check(String name, Object found, Object expected) {
        boolean holds = String.valueOf(expected).equals(String.valueOf(found));
        failed |= !holds;
        System.out.println((holds ? "ok " : "FAIL " + found + " is not " + expected + ": ") + name);
    }

    public static void main(String[] a) throws SQLException, java.io.IOException {
        String url = "jdbc:postgresql://" + a[0] + ":" + a[1] + "/" + a[2] + "?user=" + a[3] + "&password=" + a[4];
        for (String option : new String[] {"", "&reWriteBatchedInserts=true"}) {
            try (Connection connection = DriverManager.getConnection(url + option)) {
                write(connection, option);
            }
        }
        System.exit(failed ? 1 : 0);
    }

    static void write(Connection connection, String option) throws SQLException, java.io.IOException {
        connection.setAutoCommit(false);
        Statement plain = connection.createStatement();
        plain.executeUpdate("delete from ecb.exr where currency = 'CZK'");
        connection.commit();
        PreparedStatement insert =
            connection.prepareStatement("insert into ecb.exr (" + COLUMNS + ") values (?, ?, ?, ?, ?, ?, ?)");
        String[] key = {"D", "CZK", "EUR", "SP00", "A"};
        for (int day = 2; day < 30; day++) {
            for (int place = 0; place < key.length; place++) insert.setString(place + 1, key[place]);
            insert.setString(6, String.format("2025-01-%02d", day));
            if (day % 2 == 0) insert.setBigDecimal(7, new BigDecimal("24.350"));
            else insert.setDouble(7, 24.25);
            insert.addBatch();
        }
        check("batch" + option, insert.executeBatch().length, 28);
        connection.commit();
        ResultSet found = plain.executeQuery(
            "select count(*), min(obs_value_text), max(obs_value_text) from ecb.exr where currency = 'CZK'");
        found.next();
        check("digits" + option, found.getInt(1) + " " + found.getString(2) + " " + found.getString(3), "28 24.25 24.350");
        Savepoint savepoint = connection.setSavepoint();
        String state = "";
        try {
            insert.executeUpdate();
        } catch (SQLException error) {
            state = error.getSQLState();
            connection.rollback(savepoint);
        }
        check("a key that is there" + option, state, "23505");
        String rows = "D,CZK,EUR,SP00,A,2025-03-03,1.10\nD,CZK,EUR,SP00,A,2025-03-04,\n";
        String sql = "copy ecb.exr (" + COLUMNS + ") from stdin csv";
        long copied = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(sql, new StringReader(rows));
        check("copy" + option, copied, 2);
        connection.commit();
    }
}
