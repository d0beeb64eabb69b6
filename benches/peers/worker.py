"""One peer in a process of its own: its memory is its own, and no other engine is in its way."""

import gc
import multiprocessing
import resource
import sys
import time
import traceback


class Worker:
    """A peer elsewhere. Calls raise `RuntimeError` where the peer fails."""

    def __init__(self, kind, *arguments):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, kind, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def call(self, name, *arguments):
        """What a method of the peer, or a function of `Served`, gives."""
        try:
            self.pipe.send((name, arguments))
            is_right, value = self.pipe.recv()
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError("its process died") from error
        if not is_right:
            raise RuntimeError(value)
        return value

    def stop(self):
        """Ends the process."""
        try:
            self.pipe.send(None)
        except (BrokenPipeError, OSError):
            pass
        self.process.join(30)
        if self.process.is_alive():
            self.process.kill()


class Served:
    """What is measured where the peer is."""

    def __init__(self, peer):
        self.peer = peer

    def load(self, data):
        """Seconds, and peak bytes of memory."""
        started = time.perf_counter()
        self.peer.load(data)
        return time.perf_counter() - started, peak_bytes()

    def times(self, sql, runs_max, seconds):
        """Milliseconds of each run; at least three, and as many as there is time for."""
        return measure(lambda: self.peer.run(sql), runs_max, seconds)

    def export_times(self, runs_max):
        """Milliseconds of each export."""
        return measure(self.peer.export, runs_max, 1.0)

    def peak(self):
        """Peak bytes of memory until now."""
        return peak_bytes()


def measure(action, runs_max, seconds):
    """Milliseconds of up to `runs_max` runs, three at least unless fewer are wanted."""
    times, begun = [], time.perf_counter()
    gc.disable()
    while len(times) < runs_max and (len(times) < 3 or time.perf_counter() - begun < seconds):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1000)
    gc.enable()
    return times


def peak_bytes():
    """Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def serve(pipe, kind, arguments):
    """Answers calls until it is told to stop."""
    served = Served(kind(*arguments))
    while (wanted := pipe.recv()) is not None:
        name, words = wanted
        method = getattr(served, name, None) or getattr(served.peer, name)
        try:
            pipe.send((True, method(*words)))
        except Exception as error:
            traceback.print_exc(file=sys.stderr) if "--trace" in sys.argv else None
            pipe.send((False, f"{type(error).__name__}: {error}"))
