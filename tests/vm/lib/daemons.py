# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs as people run them: nginx real servers, keepalived, ldirectord."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from lib import patience, wait
from lib.record import note


class Daemon:
    """A program in the foreground, in a namespace; its output is shown when the test fails."""

    def __init__(self, ns, *argv, directory, env=None):
        self.name, self.directory = os.path.basename(argv[0]), directory
        self.log = os.path.join(directory, f"{self.name}.log")
        note(f"{ns.name}: {' '.join(argv)} &")
        with ns, open(self.log, "w") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            env=env)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(patience.seconds(20))
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        note(f"{self.name} ended with {self.process.returncode}")

    def close(self):
        self.stop()
        with open(self.log) as log:
            for line in log.read().splitlines()[-60:]:
                note(f"{self.name}: {line}")


def directory(t):
    path = tempfile.mkdtemp(prefix="lvs-test.")
    os.chmod(path, 0o755)
    t.cleanup(shutil.rmtree, path)
    return path


class Nginx(Daemon):
    """
    A web server that answers every request with its name. log: also write that file, access_log() reads it. more: other
    lines of its configuration. An address of IPv6 is in brackets; [::] takes IPv4, too.
    """

    def __init__(self, t, ns, address, port, name, log=None, more="", connections=256):
        path = directory(t)
        self.log_path = f"{path}/{log}"
        with open(f"{path}/nginx.conf", "w") as conf:
            conf.write(f"daemon off; master_process off; pid {path}/pid; error_log stderr;\n"
                       f"worker_rlimit_nofile {2 * connections + 64}; events {{ worker_connections {connections}; }}\n"
                       f"http {{ access_log {self.log_path if log else 'off'}; client_body_temp_path {path}; proxy_temp_path {path}; "
                       f"fastcgi_temp_path {path}; uwsgi_temp_path {path}; scgi_temp_path {path};\n"
                       f"server {{ listen {address}:{port} backlog={connections}{' ipv6only=off' if address == '[::]' else ''}; {more}\n"
                       f"location / {{ return 200 '{name}\\n'; }} }} }}\n")
        # The kernel's bound of the backlog; connections that it drops are reset when their client goes on.
        ns.write("/proc/sys/net/core/somaxconn", str(max(4096, connections)))
        super().__init__(ns, "nginx", "-c", f"{path}/nginx.conf", directory=path)
        wait.until(lambda: http(ns, address, port) == name, 20, f"{name} answers")

    def access_log(self):
        with open(self.log_path) as file:
            return file.read().splitlines()


def http(ns, address, port, path="/"):
    """What GET answers, or None if nobody does."""
    address = {"[::]": "::1"}.get(address, address.strip("[]"))
    with ns:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.settimeout(patience.seconds(5))
    try:
        sock.connect((address, port))
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: test\r\n\r\n".encode())
        data = b""
        while more := sock.recv(4096):
            data += more
        return data.split(b"\r\n\r\n", 1)[1].decode().strip()
    except (OSError, IndexError):
        return None
    finally:
        sock.close()
