"""Subscriptions that end: by their date without a push, by somebody's word for good."""

from datetime import UTC, datetime, time, timedelta


def test_a_subscription_ends_with_its_last_day_and_nobody_pushes(desk, executor):
    """It was pushed with its end. What was declared since stays undone, and a subscription that was suspended waits for a push."""
    active = {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}
    last = datetime.now(UTC).date() + timedelta(days=2)
    desk.write("subscriptions.yaml", {"acme-orders": {**active, "end": last.isoformat()}, "more": active})
    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://not-pushed"}]})
    desk.write(
        "subscriptions.yaml", {"acme-orders": {**active, "end": last.isoformat()}, "more": {**active, "state": "suspended"}}
    )
    moment = [datetime.combine(last, time(23, 59, 59), UTC)]
    executor.gateways.following._clock = lambda: moment[0]
    executor.gateways.follow()
    assert {"subscription/acme-orders", "subscription/more"} <= desk.live().keys() and desk.applied() == 1
    moment[0] += timedelta(seconds=1)
    executor.gateways.follow()
    live = desk.live()
    assert "subscription/acme-orders" not in live and "subscription/more" in live and desk.applied() == 2
    assert live["api/orders@1"]["upstream"]["targets"][0]["url"] == "http://orders.example.org"
    executor.gateways.follow()
    assert desk.applied() == 2 and executor.gateways.list()[0].problem is None


def test_a_rollback_brings_no_suspended_or_ended_subscription_back(desk, executor):
    active = {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}
    today = datetime.now(UTC).date()
    desk.write("subscriptions.yaml", dict.fromkeys(("stays", "suspended", "ended", "lost"), active))
    executor.gateways.push("main")
    desk.api(upstream={"targets": [{"url": "http://b"}]})
    desk.write("subscriptions.yaml", {
        "stays": active, "suspended": {**active, "state": "suspended"},
        "ended": {**active, "end": (today - timedelta(days=1)).isoformat()},
    })  # fmt: skip
    executor.gateways.push("main")
    done = executor.gateways.rollback("main")
    live = {name.partition("/")[2] for name in desk.live() if name.startswith("subscription/")}
    # What stands in no file any more comes back: that may be the mistake that is rolled back.
    assert live == {"stays", "lost"} and "subscription/suspended" in done.problem.line()
    assert executor.gateways.drift("main") == []
