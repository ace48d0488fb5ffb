# A release of the guest book that begins with one host: a canary. It needs the environment `cluster` as it stands in
# environments/cluster, with the guest book running on it:
#
#   ./depl remote cluster
#   ./depl rollout start release --set version=2       asks whether the canary looks well before it goes on
#   ./depl undo cluster                                takes the newest deployment back
#
# When something fails, somebody says no, or the probe at the end is not content, everything goes back to where it was,
# the last step first.

from depl.rollout import Parameter, Rollout
from depl.tasks import Approval, Delay, Deploy, HttpProbe, Sequential


class Release(Rollout):
    """Canary first, then the rest."""

    # What is asked for. `--set version=2` gives it; what is not given is asked for on a terminal. Only what has no
    # default must be given, and what is `advanced` is not asked for.
    version = Parameter(str, help="what to release")
    canary = Parameter(choices=["app", "front", "database"], default="app", help="the first host", advanced=True)
    minutes = Parameter(float, default=5.0, help="how long to wait after the canary", advanced=True)

    # Said beforehand, and to everybody who looks on.
    info = ["The guest book shows its version at http://127.0.0.11:8042/"]

    # Called once. What it returns is frozen: this is what will be done, wherever the rollout goes on.
    def plan(self):
        # An override, as in environment.cfg: `[component:guestbook] title = ...`.
        overrides = {"guestbook.title": f"Guest book {self.version}"}
        return Sequential(
            Deploy("cluster", hosts=[self.canary], overrides=overrides),
            # On the way back it waits again: what was not well may need as long to calm down.
            Delay(minutes=self.minutes, reversible=True),
            # Waits for somebody; it may be somebody else, elsewhere: `depl rollout approve`.
            Approval("Does the canary look well?"),
            Deploy("cluster", overrides=overrides),
            HttpProbe("http://127.0.0.11:8042/", contains=f"Guest book {self.version}", retries=5),
        )
