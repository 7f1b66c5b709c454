"""The prober: which probe a run needs, from when until when it is watched.

Implements `Prober` of the orchestrator's protocols; all methods are the loop's and return at once. One thread, started
with the first run that needs it, does all checks; https and the look-up of names have a few more. It decides nothing:
each verdict is posted, and the loop counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.orchestrator.events import Post, Probed, Verdict
from launcher.orchestrator.orders import Run, Watch
from launcher.probes.base import CannotCheck, Probe
from launcher.probes.exec import ExecProbe
from launcher.probes.http import HttpProbe, accepted, build_request, parse_target
from launcher.probes.log import LogProbes
from launcher.probes.names import Names
from launcher.probes.notify import NotifyProbes
from launcher.probes.pace import phase_of
from launcher.probes.reactor import Reactor
from launcher.probes.rounds import Rounds, Timed
from launcher.probes.tcp import TcpProbe
from launcher.profile.model import Health

if TYPE_CHECKING:
    from launcher.orchestrator.protocols import Children, Clock, Taps
    from launcher.probes.https import Https


class Scheduler:
    """Watches runs. The first check of a run begins at once, each further one when `pace` says."""

    def __init__(
        self,
        *,
        post: Post,
        clock: Clock,
        children: Children,
        taps: Taps,
        folder: Path,
        timed: Timed | None = None,
    ) -> None:
        self._post = post
        self._timed = timed
        self._clock = clock
        self._children = children
        self._reactor = Reactor(clock)
        self._names = Names(self._reactor)
        self._logs = LogProbes(taps, post)
        self._notices = NotifyProbes(self._reactor, folder, post)
        self._https: Https | None = None
        self._rounds: dict[Run, Rounds] = {}
        #: How many runs have been watched.
        self._watched = 0

    def prepare(self, run: Run, health: Health, *, user: str = "", hosted: bool = False) -> Mapping[str, str]:
        """Bind what the service will write to, listen to what it will print; raises NotifySocketUnavailable.

        To be followed by `unwatch`, whether the run was watched or not.
        """
        if health.notify:
            return self._notices.prepare(run, user=user)
        if health.log is not None:
            self._logs.prepare(run, health.log)
        return self._notices.prepare_aside(run, user=user) if hosted else {}

    def watch(self, watch: Watch) -> None:
        """Begin to check a run, and go on until `unwatch`."""
        if watch.health.notify:
            self._notices.watch(watch.run)
            return
        self._notices.watch_aside(watch.run)
        if watch.health.log is not None:
            self._logs.watch(watch.run, watch.health.log)
        else:
            self._poll(watch)

    def unwatch(self, run: Run) -> None:
        """Check a run no more; of one that is not watched: nothing happens."""
        self._notices.unwatch(run)
        self._logs.unwatch(run)
        self._end_rounds(run)

    def check(self, run: Run) -> bool:
        """Check a run now, beside its rounds; False: its probe is one that waits to be told."""
        rounds = self._rounds.get(run)
        if rounds is None:
            return False
        self._reactor.call(rounds.check_now)
        return True

    def close(self) -> None:
        """End all checks and the thread; sockets in the run folder are removed."""
        self._notices.close()
        self._logs.close()
        for run in list(self._rounds):
            self.unwatch(run)
        self._reactor.close()
        self._names.close()
        if self._https is not None:
            self._https.close()

    def _poll(self, watch: Watch) -> None:
        try:
            probe = self._probe_for(watch)
        except CannotCheck as error:
            # Nothing that time could mend: said once, and ready_timeout does the rest.
            self._post(Probed(watch.run.instance, watch.run.generation, Verdict(ok=False, answer=str(error))))
            return
        self._end_rounds(watch.run)
        self._watched += 1
        rounds = Rounds(
            watch,
            probe,
            since=self._clock.now(),
            phase=phase_of(self._watched),
            reactor=self._reactor,
            post=self._post,
            timed=self._timed,
        )
        self._rounds[watch.run] = rounds
        self._reactor.start()
        self._reactor.call(rounds.begin)

    def _end_rounds(self, run: Run) -> None:
        rounds = self._rounds.pop(run, None)
        if rounds is not None:
            self._reactor.call(rounds.end)

    def _probe_for(self, watch: Watch) -> Probe:
        health = watch.health
        if health.exec is not None:
            return ExecProbe(self._reactor, self._children, command=health.exec, watch=watch)
        if health.http is not None:
            return self._http_probe(health.http, watch)
        port = watch.port if health.tcp is True else health.tcp
        if not port:
            raise CannotCheck("cannot check the port: the service has none")
        return TcpProbe(self._reactor, port=port, timeout=health.timeout)

    def _http_probe(self, http: str, watch: Watch) -> Probe:
        health = watch.health
        target = parse_target(http, watch.port)
        request = build_request(target, health.headers)
        accepts = accepted(health.status)
        if target.scheme == "https":
            from launcher.probes.https import Https, HttpsProbe  # noqa: PLC0415  (loads requests and ssl: 12 MB)

            if self._https is None:
                self._https = Https(self._reactor)
            return HttpsProbe(
                self._https, target=target, headers=health.headers, accepts=accepts, timeout=health.timeout
            )
        return HttpProbe(
            self._reactor,
            self._names.look_up,
            target=target,
            request=request,
            accepts=accepts,
            timeout=health.timeout,
        )
