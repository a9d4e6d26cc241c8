"""What the service is told by systemd, and whom systemd tells of it: reload, and the failure unit."""

import json

from tests.system.service import CONFIG, Service

PORT = 9009
_TELL = """
[[notify.channels]]
name = "infra"
kind = "slack-webhook"
url = "slack-hook"
[[notify.routes]]
name = "all"
severities = ["S1", "S2"]
channels = ["infra"]
"""
_LISTENER = f"""
import http.server
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", {PORT}), Hook)
server.timeout = 20
print("listening", flush=True)
for _ in range(20):  # a bound: what is waited for is among the first
    server.handle_request()
"""


def test_service__dies_for_good__its_failure_unit_reaches_a_channel(service: Service) -> None:
    machine = service.machine
    service.configure("devnet", ("a",), _TELL)
    service.secret("slack-hook", f"http://127.0.0.1:{PORT}/services/T0/B0/x")
    service.drop_in("[Unit]\nStartLimitBurst=1\n[Service]\nRestartSec=100ms\n")
    service.start()
    with machine.popen("/usr/bin/python3", "-c", _LISTENER) as listening:
        assert listening.stdout is not None
        assert listening.stdout.readline() == "listening\n"
        machine.run("kill", "-KILL", str(service.pid))
        texts = (json.dumps(json.loads(line), ensure_ascii=False) for line in listening.stdout)
        text = next(text for text in texts if "The unit ultrad.service has failed" in text)
        listening.kill()
    assert "Result: signal, exit code: killed, status: KILL." in text
    unit = "ultrad-failure@ultrad.service.service"
    service.until(lambda: service.show("ActiveState", unit) == "inactive", "the end of the failure unit")
    assert service.show("Result", unit) == "success"
    assert service.show("ActiveState") == "failed"


def test_service__reloaded__takes_a_good_file_and_goes_on_with_the_old_one_for_a_bad_one(service: Service) -> None:
    machine = service.machine
    service.start()
    first = service.pid
    good = machine.read(CONFIG) + "[limits]\nwarn_hf = 1.9\n"
    machine.write(CONFIG, good)
    machine.run("systemctl", "reload", "ultrad")
    assert service.events("config")[-1]["kind"] == "config.changed"
    machine.write(CONFIG, good + "trip_hf = 0.5\n")
    machine.run("systemctl", "reload", "ultrad", code=1)
    said = machine.run("systemctl", "status", "--no-pager", "--full", "--lines=30", "ultrad")
    assert "limits.trip_hf" in said
    assert (service.pid, service.show("ActiveState"), service.show("SubState")) == (first, "active", "running")
    assert service.status()["warn_hf"] == str(19 * 10**17)
