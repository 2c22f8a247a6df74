"""A Ray cluster of two machines on the loopback, in a process of its own, which pytest guards not.

Run as `python cluster.py HOME`: prints the address. The machines are "first" and "second", as their
STYLIZE_HOMEs below HOME are; a name on stdin kills one, the end of stdin ends all.
"""

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Where others compute too, all takes its time.
os.environ |= {"RAY_worker_niceness": "0", "RAY_raylet_start_wait_time_s": "200"}

from ray.cluster_utils import Cluster

STORE = 80 * 1024**2  # bytes of memory that a machine shares with the others
NODE = {"object_store_memory": STORE, "include_dashboard": False}


def main(home):
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    machines = {
        name: cluster.add_node(**NODE, num_cpus=1, env_vars={"STYLIZE_HOME": f"{home}/{name}"})
        for name in ("first", "second")
    }
    print(cluster.address, flush=True)  # noqa: T201
    for name in sys.stdin:
        cluster.remove_node(machines[name.strip()], allow_graceful=False)
    cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
