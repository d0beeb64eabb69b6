"""A client of the Postgres protocol in the standard library alone: simple queries, text."""

import socket
import struct

READY = b"Z\x00\x00\x00\x05"


class Failed(RuntimeError):
    """What the server says is wrong."""


class Client:
    """One connection."""

    def __init__(self, host, port, user="reader", database="sdmxdb"):
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = b"\x00".join([b"user", user.encode(), b"database", database.encode(), b"", b""])
        self.socket.sendall(struct.pack(">II", 8 + len(words), 196_608) + words)
        self.key = None
        for kind, body in self.messages():
            if kind == b"R" and body[:4] != b"\x00\x00\x00\x00":
                raise Failed("the server wants a password")
            if kind == b"K":
                self.key = body

    def close(self):
        """Says good-bye."""
        self.socket.sendall(b"X\x00\x00\x00\x04")
        self.socket.close()

    def send(self, sql):
        """Asks; the answer is still to be read."""
        text = sql.encode() + b"\x00"
        self.socket.sendall(b"Q" + struct.pack(">I", 4 + len(text)) + text)

    def run(self, sql):
        """Asks, and drops the rows without looking at them."""
        self.send(sql)
        seen = b""
        # The last message of an answer is six bytes, and nothing follows it.
        while not (len(seen) >= 6 and seen[-6:-1] == READY):
            received = self.socket.recv(1 << 20)
            if not received:
                raise Failed("the server hung up")
            seen = (seen + received)[-6:] if len(received) < 6 else received
        # An error is all there is before the last message; a row may begin with the same letter.
        if received[:1] == b"E" and 1 + int.from_bytes(received[1:5], "big") + 6 == len(received):
            raise Failed(fields(received[5:]))

    def answer(self, sql):
        """Column names, and rows of texts, None where there is no value."""
        self.send(sql)
        names, rows = [], []
        for kind, body in self.messages():
            if kind == b"T":
                names = described(body)
            elif kind == b"D":
                rows.append(cells(body))
        return names, rows

    def messages(self):
        """The messages up to the one that the server is ready; raises where one is an error."""
        buffer, at, failure = bytearray(), 0, None
        while True:
            while len(buffer) - at < 5 or len(buffer) - at < 1 + struct.unpack_from(">I", buffer, at + 1)[0]:
                del buffer[:at]
                at = 0
                received = self.socket.recv(1 << 20)
                if not received:
                    raise Failed(failure or "the server hung up")
                buffer += received
            length = struct.unpack_from(">I", buffer, at + 1)[0]
            kind, body = bytes(buffer[at : at + 1]), bytes(buffer[at + 5 : at + 1 + length])
            at += 1 + length
            if kind == b"E":
                failure = fields(body)
            if kind == b"Z":
                if failure:
                    raise Failed(failure)
                return
            yield kind, body

    def cancel(self, host, port):
        """Asks the server on another connection to stop what this one waits for."""
        with socket.create_connection((host, port)) as other:
            other.sendall(struct.pack(">II", 8 + len(self.key), 80_877_102) + self.key)
            other.recv(1)


def fields(body):
    """The text of an error."""
    parts = {it[:1]: it[1:] for it in body.split(b"\x00") if it}
    return parts.get(b"M", body).decode(errors="replace")


def described(body):
    """The names of columns."""
    names, at = [], 2
    for _ in range(struct.unpack_from(">H", body)[0]):
        end = body.index(b"\x00", at)
        names.append(body[at:end].decode())
        at = end + 19
    return names


def cells(body):
    """The texts of a row."""
    row, at = [], 2
    for _ in range(struct.unpack_from(">H", body)[0]):
        length = struct.unpack_from(">i", body, at)[0]
        at += 4
        row.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return row
