"""Whatever people do in whatever order: a push that is done leaves live what is declared, one that is refused leaves all as it was,
and a plan says exactly what differs."""

import copy
import json
import random

import pytest
import yaml

from tisserand.service.protocol import Refused


def expected(desk):
    """What should be live, from the files alone: published APIs without what the fake gateway drops, and the plans."""
    wanted = {}
    for path in sorted((desk.root / "apis").glob("*.yaml")):
        api = yaml.safe_load(path.read_text())
        if api["lifecycle"] != "draft":
            wanted[f"api/{api['id']}@{api['version']}"] = api["upstream"]["targets"][0]["url"]
    for id, plan in yaml.safe_load((desk.root / "plans.yaml").read_text()).items():
        wanted[f"plan/{id}"] = plan["quota"]["count"]
    return wanted


def seen(live):
    found = {}
    for item, content in (live or {}).items():
        if item.startswith("api/"):
            found[item] = content["upstream"]["targets"][0]["url"]
        elif item.startswith("plan/"):
            found[item] = content["quota"]["count"]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_any_order(desk, executor, seed):
    rnd = random.Random(seed)
    gateways = executor.gateways
    good = []  # (number, what was live) of every push that went well
    for step in range(60):
        what = rnd.choice(
            ["api", "api", "drop", "plan", "drift", "push", "push", "push", "rollback", "broken", "invalid", "follow"]
        )
        before = copy.deepcopy(desk.live())
        if what == "api":
            desk.api(
                id=f"a{rnd.randrange(4)}", version=rnd.choice("12"), lifecycle=rnd.choice(["draft", "published", "deprecated"]),
                upstream={"targets": [{"url": f"http://h{rnd.randrange(5)}"}]}, route={"base_path": f"/a{rnd.randrange(4)}"},
                policies=rnd.choice([{}, {"cache": 5}]),
            )  # fmt: skip
        elif what == "drop":
            rnd.choice(sorted((desk.root / "apis").glob("*.yaml"))).unlink()
            if not list((desk.root / "apis").glob("*.yaml")):
                desk.api()
        elif what == "plan":
            desk.write(
                "plans.yaml",
                {id: {"quota": {"count": rnd.randrange(1, 9), "period": "day"}} for id in rnd.sample(["gold", "b", "c"], 2)}
                | {"gold": {"quota": {"count": rnd.randrange(1, 9), "period": "day"}}},
            )
        elif what == "drift" and before:
            item = rnd.choice(sorted(before))
            desk.edit_live(item, None if rnd.random() < 0.5 else {**before[item], "name": f"n{step}"})
            told = {change.item for change in gateways.drift("main")}
            assert item in told or before.get(item) == desk.live().get(item)
        elif what in ("push", "broken", "invalid"):
            if what != "push":
                desk.break_(what, "no")
            plan = gateways.plan("main")
            differs = {name for name in {*expected(desk), *seen(before)} if expected(desk).get(name) != seen(before).get(name)}
            assert differs <= {change.item for change in plan.changes}
            try:
                done = gateways.push("main")
            except Refused:
                assert what != "push" and desk.live() == before
                assert gateways.history("main")[0].result == ("refused" if what == "invalid" else "failed")
            else:
                assert what != "invalid" and seen(desk.live()) == expected(desk) and done.changes == len(plan.changes)
                assert gateways.plan("main").changes == () == tuple(gateways.drift("main"))
                if done.changes:
                    good.append((done.number, copy.deepcopy(desk.live())))
            if what != "push":
                desk.mend(what)
        elif what == "rollback" and good:
            number, held = rnd.choice(good)
            done = gateways.rollback("main", number)
            assert desk.live() == held and (done.result == "rolled back" or not done.changes)
            if done.changes:
                good.append((done.number, copy.deepcopy(held)))
        elif what == "follow":
            gateways.follow()
            assert desk.live() == before
        numbers = [each.number for each in gateways.history("main", 1000)]
        assert numbers == list(range(len(numbers), 0, -1)), what
    assert len(good) > 5 and json.dumps(good)
