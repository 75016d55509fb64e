"""Terminals, a host, a line and a clock in one process, from a seed: days that go wrong in every way, and their proof.

clock        virtual time          network (above)   faults, and the line
host_site    the host's machine    disks             stores that fail
counter      one terminal          people, habits    what is done there
issuer_site  an issuer apart       customers         telephones with wallets
inspection   what must be true     limit_count, order_count    what it counts anew
story        one transaction told  world, hunt       all of it, by seed; many worlds, on all cores
"""

from simulators.world.counter import Day, Pause
from simulators.world.habits import Habits
from simulators.world.inspection import Fault
from simulators.world.world import Proof, World, WorldError

__all__ = ["Day", "Fault", "Habits", "Pause", "Proof", "World", "WorldError"]
