# The smallest rollout: it waits. Rollouts are known by the names of their files, here `wait`:
#
#   ./depl rollout start wait

from depl.rollout import Rollout
from depl.tasks import Delay


class Wait(Rollout):
    def plan(self):
        return Delay(seconds=15)
