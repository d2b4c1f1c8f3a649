"""Hundreds of agents that these tests play: they send heartbeats and walk through updates as real ones do.

An agent takes a step with each heartbeat: offered, downloading, verifying, trial, committed. What a version does to it
is said by `faults`: {version: {agent index: "restore" | "fail" | "silent" | "stuck"}}."""

import concurrent.futures
import http.client
import json
import ssl
import threading
import time

THREADS = 4
STEPS = ("downloading", "verifying", "trial", "committed")
ENDED = ("committed", "restored", "failed", "skipped")


class SimulatedAgent:
    def __init__(self, index, agent, version, **fields):
        self.index, self.id, self.key = index, agent["id"], agent["apiKey"]
        self.version, self.previous = version, version
        self.fields = {"platform": "linux", "arch": "amd64", "deploymentMode": "vm", "capabilities": ["update"],
                       **fields}
        self.report = {"state": "idle"}
        self.job = None  # (rolloutId, version) it works on
        self.offer = None  # in the last reply
        self.away = False
        self.history = []  # versions it ran

    def body(self):
        return {"version": self.version, "update": self.report, **self.fields}

    def hear(self, reply, faults):
        """What the next heartbeat will say after this reply."""
        self.offer = reply.get("update")
        state, job = self.report["state"], self.offer and (self.offer["rolloutId"], self.offer["version"])
        if state == "trial":  # ends by itself, whatever the server says
            self.step(faults)
        elif job and job != self.job:
            self.job = job
            self.say("offered")
        elif job and state not in ENDED:
            self.step(faults)
        elif not job and state in ("offered", "downloading", "verifying"):
            self.report, self.job = {"state": "idle"}, None  # stopped

    def say(self, state, **more):
        self.report = {"state": state, "version": self.job[1], "rolloutId": self.job[0], "current": self.version,
                       **more}

    def step(self, faults):
        state, fault = self.report["state"], faults.get(self.job[1], {}).get(self.index)
        if state == "offered" and not self.offer["force"] and self.offer["notBefore_ms"] > time.time() * 1000:
            return
        following = STEPS[0] if state == "offered" else STEPS[STEPS.index(state) + 1]
        if fault == "silent" and following == "trial":
            self.away = True
        elif fault == "stuck" and following == "verifying":
            pass
        elif fault == "fail" and following == "verifying":
            self.say("failed", reason="no space left")
        elif fault == "restore" and following == "committed":
            self.version = self.previous
            self.say("restored", reason="crashed: signal 6")
        else:
            if following == "trial":
                self.previous, self.version = self.version, self.job[1]
                self.history.append(self.version)
            self.say(following, **({"percent": 40} if following == "downloading" else {}))


class Fleet:
    """with Fleet.register(stack, person, 500) as fleet: … every agent sends a heartbeat an interval; those that have
    nothing to do let most of them pass. Of the stack only ca and agent_port are needed; agents are {"id", "apiKey"}."""

    def __init__(self, stack, agents, interval=0.2, idle_every=3, version="0.1.0", **fields):
        self.stack, self.interval, self.idle_every, self.faults = stack, interval, idle_every, {}
        self.beats = self.refused = 0
        self.peaks = {}  # rolloutId: most agents that had its offer at the same moment
        self.working = {}  # rolloutId: {agent index}
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.agents = [SimulatedAgent(i, agent, version, **fields) for i, agent in enumerate(agents)]

    @classmethod
    def register(cls, stack, person, count, **options):
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            bodies = pool.map(lambda i: person.ok("POST", "/api/agents", {"name": f"sim-{i:04}", "platform": "linux"}),
                              range(count))
        return cls(stack, [body["agent"] for body in bodies], **options)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run, args=(self.agents[i::THREADS],)) for i in range(THREADS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def run(self, agents):
        connection, turn = None, 0
        while not self.stopping.is_set():
            started, turn = time.monotonic(), turn + 1
            for agent in agents:
                if self.stopping.is_set():
                    break
                if agent.away or (agent.offer is None and (turn + agent.index) % self.idle_every):
                    continue
                connection = self.beat(connection, agent)
            self.stopping.wait(max(0.0, self.interval - (time.monotonic() - started)))
        if connection:
            connection.close()

    def beat(self, connection, agent):
        try:
            if connection is None:
                context = ssl.create_default_context(cafile=self.stack.ca)
                connection = http.client.HTTPSConnection("localhost", self.stack.agent_port, context=context, timeout=10)
            connection.request("POST", "/api/agent/heartbeat", json.dumps(agent.body()),
                               {"X-Agent-API-Key": agent.key, "Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
        except OSError:
            return self.lost(connection)
        except http.client.HTTPException:
            return self.lost(connection)
        if reply.status != 200:
            self.refused += 1
            return connection
        agent.hear(json.loads(text), self.faults)
        self.note(agent)
        return connection

    def lost(self, connection):
        """The server is away: agents try again, as patiently as real ones."""
        if connection:
            connection.close()
        self.stopping.wait(0.2)
        return None

    def note(self, agent):
        with self.lock:
            self.beats += 1
            for working in self.working.values():
                working.discard(agent.index)
            if agent.offer and agent.report["state"] not in ENDED:
                rollout = agent.offer["rolloutId"]
                working = self.working.setdefault(rollout, set())
                working.add(agent.index)
                self.peaks[rollout] = max(self.peaks.get(rollout, 0), len(working))

    def versions(self, agents=None):
        counts = {}
        for agent in agents or self.agents:
            counts[agent.version] = counts.get(agent.version, 0) + 1
        return counts
