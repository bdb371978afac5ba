# SPDX-License-Identifier: GPL-2.0-or-later
"""
The same scenarios with ip_vs and with lvs in the same kernel: whatever differs is in differences.py and, with its reason, in
docs/differences.md. Both modules run all scenarios once, for the first test that asks.
"""
import os
import re

from lib import ipvs, kernel, wait
from lib.harness import Test, test
from lib.lab import Lab
from lib.record import note

from differential import balancing, control, files, forwarding, ipsec, states, tracked
from differential.differences import DIFFERENCES, UNPLAYED
from differential.scene import Scene, pin

SCENARIOS = {function.__name__: function for function in (
    control.errnos, control.listings, control.replies, control.sysctls, states.tcp, states.secure_tcp, states.sctp,
    balancing.schedulers, balancing.persistence, balancing.marks, balancing.dests, forwarding.methods, forwarding.icmp,
    forwarding.deleted_dest, ipsec.ipsec, files.files, tracked.tracked)}
FACTS = {}


def play(module):
    """{scenario: its facts} with this module."""
    ipvs.MODULE = module
    kernel.insert()
    lab = Lab()
    try:
        found = {}
        for name, scenario in SCENARIOS.items():
            scene = Scene(lab)
            try:
                scenario(scene)
                found[name] = scene.facts
            except Exception as error:  # the others go on; the test of this one raises it
                note(f"{name} with {module}: {error!r}")
                found[name] = error
            scene.finish()
        return found
    finally:
        lab.destroy()
        kernel.remove()
        wait.until(lambda: not kernel.loaded(module), what=f"{module} gone")


def both(t):
    if "tried" not in FACTS:
        FACTS["tried"] = True
        Test.drop_lab()
        kernel.unload()
        t.cleanup(pin())
        try:
            for module in ("ip_vs", "lvs"):
                FACTS[module] = play(module)
        finally:
            ipvs.MODULE = "lvs"
            kernel.insert()
    return FACTS


def differing(facts, scenario):
    """[(key, with ip_vs, with lvs)] of what is not the same; a fact that one of them has not is None."""
    mainline, ours = facts["ip_vs"][scenario], facts["lvs"][scenario]
    return [(key, mainline.get(key), ours.get(key)) for key in {**mainline, **ours} if mainline.get(key) != ours.get(key)]


def listed(scenario, difference):
    """The names of the listed differences that this is one of."""
    return [entry.name for entry in DIFFERENCES if entry.covers(scenario, *difference)]


@test(scenario=tuple(SCENARIOS), lab=False, lvs_only=True, timeout=600)
def same(t, scenario):
    """No difference but those that are listed, and each of these occurs."""
    if scenario in ("tcp", "sctp") and int(os.uname().release.split(".")[0]) >= 7:
        t.skip("ip_vs of kernel 7 does not list all connections")
    facts = both(t)
    for module in ("ip_vs", "lvs"):
        if isinstance(facts[module][scenario], Exception):
            raise AssertionError(f"{scenario} cannot be played with {module}") from facts[module][scenario]
    assert len(facts["ip_vs"][scenario]) > 1, "the scenario wrote nothing down"
    found = differing(facts, scenario)
    unlisted = [item for item in found if not listed(scenario, item)]
    occurring = {name for item in found for name in listed(scenario, item)}
    gone = [entry.name for entry in DIFFERENCES
            if entry.scenario == scenario and entry.applies() and entry.name not in occurring]
    text = "".join(f"\n    {key}\n        ip_vs: {mainline}\n        lvs:   {ours}" for key, mainline, ours in unlisted)
    assert not unlisted, f"{len(unlisted)} differences are not listed:{text}"
    assert not gone, f"listed, and no longer there: {', '.join(gone)}"


@test(lab=False)
def each_has_its_reason(t):
    """docs/differences.md has a section for each listed difference, and no others."""
    with open("docs/differences.md") as file:
        sections = re.findall(r"^### (.+)$", file.read(), re.M)
    t.equal(sorted(sections), sorted({entry.name for entry in DIFFERENCES} | UNPLAYED), "sections of docs/differences.md")
