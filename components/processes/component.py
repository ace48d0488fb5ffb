# The process manager: supervisord, which runs without root in `work/processes` and looks after the programs of the
# other components. They find it because a Supervisor provides itself as the resource "supervisor", which every Program
# requires: so this component is deployed first, wherever it stands in environment.cfg.

from depl.component import Component
from depl.lib.supervisor import Supervisor


class Processes(Component):
    # supervisord keeps the output of all programs in var/log and begins a new file at this size ...
    logfile_maxbytes = "1MB"
    # ... while it keeps so many old ones.
    logfile_backups: int = 3

    def configure(self):
        self += Supervisor(
            requirements="requirements.lock",
            logfile_maxbytes=self.logfile_maxbytes,
            logfile_backups=self.logfile_backups,
        )
