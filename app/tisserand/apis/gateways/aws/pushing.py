"""From what is live in the account to what is wanted, step by step, each with the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tisserand.apis.gateways.adapter import Progress
from tisserand.apis.gateways.aws.account import TAG, Account, LiveApi, LiveKey, LivePlan, variables
from tisserand.apis.gateways.aws.client import Client, Undone, failed_twice
from tisserand.apis.gateways.aws.wanted import Key, Methods, RestApi, UsagePlan, Wanted, objects
from tisserand.apis.gateways.kept import kept, pack
from tisserand.sdk.errors import NodeError

Items = Mapping[str, Mapping[str, Any]]


class Pushing:
    """One push. Callers see the change of a version when its stage is switched to the new deployment, and not before."""

    def __init__(self, client: Client, gateway: str, stage: str, account: Account, made: Wanted, items: Items) -> None:
        self.client, self.gateway, self.stage = client, gateway, stage
        self.account, self.made, self.items = account, made, items
        self.undone = Undone()

    def run(self, progress: Progress) -> None:
        """Do all of it, or undo what was done and raise. Versions that go are deleted last, as they cannot come back under the same
        address: what fails there leaves the new state serving, with a remainder."""
        todo: list[Callable[[], None]] = [
            *(partial(self._api, each) for each in self.made.apis.values()),
            *(partial(self._key, each) for each in self.made.keys.values()),
            *(partial(self._plan, each) for each in self.made.plans.values()),
            self._members, self._plans_gone, self._keys_gone, self._describe,
        ]  # fmt: skip
        try:
            for number, step in enumerate(todo):
                progress(number, len(todo))
                step()
        except NodeError as error:
            failed = self.undone.undo()
            if failed:
                raise failed_twice(error, failed) from error
            raise
        for key in sorted(self.account.apis.keys() - self.made.apis.keys()):
            self.client.call("delete_rest_api", restApiId=self.account.apis.pop(key).id)
        progress(len(todo), len(todo))

    # -- versions

    def _api(self, wanted: RestApi) -> None:
        live = self.account.apis.get(wanted.key) or self._create(wanted)
        if (
            live.deployment
            and dict(live.methods) == dict(wanted.methods)
            and live.policy == _with_arn(wanted.policy, live.policy)
        ):
            return
        self._deployments_gone(live)
        if live.policy != wanted.policy:
            self._policy(live, wanted.policy)
        for name in sorted(live.methods.keys() - wanted.methods.keys()):
            self._method(live, name, None)
        for name, facts in wanted.methods.items():
            if live.methods.get(name) != facts:
                self._method(live, name, facts)
        self._paths_gone(live, wanted.methods)
        made = self.client.call("create_deployment", restApiId=live.id, description=f"Tisserand {wanted.key}")["id"]
        self._switch(live, made)

    def _create(self, wanted: RestApi) -> LiveApi:
        answer = self.client.call(
            "create_rest_api", name=f"{self.gateway}:{wanted.key}", description=wanted.name, apiKeySource="HEADER",
            endpointConfiguration={"types": ["REGIONAL"]}, tags={TAG: self.gateway, f"{TAG}-api": wanted.key},
        )  # fmt: skip
        live = LiveApi(answer["id"], answer["name"])
        self.account.apis[wanted.key] = live
        self.undone.then(
            lambda: (self.client.call("delete_rest_api", restApiId=live.id), self.account.apis.pop(wanted.key, None))
        )
        for resource in self.client.pages("get_resources", restApiId=live.id):
            live.paths[resource["path"]] = resource["id"]
        return live

    def _policy(self, live: LiveApi, policy: Mapping[str, Any] | None) -> None:
        before = live.policy

        def put(value: Mapping[str, Any] | None) -> None:
            text = json.dumps(value) if value else ""
            self.client.call(
                "update_rest_api", restApiId=live.id, patchOperations=[{"op": "replace", "path": "/policy", "value": text}]
            )
            live.policy = dict(value) if value else None

        put(policy)
        self.undone.then(lambda: put(before))

    def _method(self, live: LiveApi, name: str, facts: Mapping[str, Any] | None) -> None:
        before = live.methods.get(name)
        self.undone.then(lambda: self._put_method(live, name, before))
        self._put_method(live, name, facts)

    def _put_method(self, live: LiveApi, name: str, facts: Mapping[str, Any] | None) -> None:
        verb, _, path = name.partition(" ")
        if facts is None and path not in live.paths:
            return
        where = {"restApiId": live.id, "resourceId": self._path(live, path), "httpMethod": verb}
        if name in live.methods:
            self.client.call("delete_method", **where)
            del live.methods[name]
        if facts is None:
            return
        live.methods[name] = {}  # from here on it is there, however little of it
        if facts.get("gone"):
            self._gone(where)
        elif "uri" in facts:
            self.client.call(
                "put_method", **where, authorizationType="NONE", apiKeyRequired=facts["key"],
                requestParameters={f"method.request.path.{each}": True for each in facts["names"]},
            )  # fmt: skip
            self.client.call(
                "put_integration", **where, type="HTTP_PROXY", integrationHttpMethod=facts["verb"], uri=facts["uri"],
                requestParameters=facts["parameters"], timeoutInMillis=facts["timeout"],
                tlsConfig={"insecureSkipVerification": facts["insecure"]}, passthroughBehavior="WHEN_NO_MATCH",
            )  # fmt: skip
        live.methods[name] = dict(facts)

    def _gone(self, where: Mapping[str, str]) -> None:
        """410, answered by AWS itself."""
        self.client.call("put_method", **where, authorizationType="NONE", apiKeyRequired=False)
        self.client.call("put_integration", **where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 410}'})
        self.client.call("put_method_response", **where, statusCode="410")
        told = {"application/json": '{"title": "Gone", "status": 410}'}
        self.client.call("put_integration_response", **where, statusCode="410", responseTemplates=told)

    def _path(self, live: LiveApi, path: str) -> str:
        """The id of the resource at a path, made where it is not there."""
        if path in live.paths:
            return live.paths[path]
        parent, _, part = path.rpartition("/")
        above = self._path(live, parent or "/")
        id: str = self.client.call("create_resource", restApiId=live.id, parentId=above, pathPart=part)["id"]
        live.paths[path] = id
        self.undone.then(lambda: self._path_gone(live, path))
        return id

    def _path_gone(self, live: LiveApi, path: str) -> None:
        if path in live.paths:
            self.client.call("delete_resource", restApiId=live.id, resourceId=live.paths.pop(path))

    def _paths_gone(self, live: LiveApi, methods: Methods) -> None:
        needed = {"/"}
        for name in methods:
            path = name.partition(" ")[2]
            while path:
                needed.add(path)
                path = path.rpartition("/")[0]
        for path in sorted(live.paths.keys() - needed, key=len, reverse=True):
            self._path_gone(live, path)
            self.undone.then(partial(self._path, live, path))

    def _deployments_gone(self, live: LiveApi) -> None:
        """Those that the stage does not serve; nobody needs them any more."""
        for each in list(self.client.pages("get_deployments", restApiId=live.id)):
            if each["id"] != live.deployment:
                self.client.call("delete_deployment", restApiId=live.id, deploymentId=each["id"])

    def _switch(self, live: LiveApi, deployment: str) -> None:
        before = live.deployment
        if not before:
            self.client.call("create_stage", restApiId=live.id, stageName=self.stage, deploymentId=deployment)
            live.deployment = deployment
            self.undone.then(lambda: self.client.call("delete_stage", restApiId=live.id, stageName=self.stage))
            return

        def serve(id: str) -> None:
            self._update_stage(live, [{"op": "replace", "path": "/deploymentId", "value": id}])
            live.deployment = id

        serve(deployment)
        self.undone.then(lambda: serve(before))

    def _update_stage(self, live: LiveApi, patch: list[dict[str, str]]) -> None:
        self.client.call("update_stage", restApiId=live.id, stageName=self.stage, patchOperations=patch)

    # -- keys

    def _key(self, wanted: Key) -> None:
        live = self.account.keys.get(wanted.name)
        if live is not None and live.enabled == wanted.enabled and (live.value == wanted.value or not wanted.enabled):
            return
        if live is not None:
            self._remove_key(wanted.name)
        self._make_key(wanted.name, wanted.value, wanted.enabled, "")

    def _make_key(self, name: str, value: str, enabled: bool, description: str) -> None:
        self.client.hide(value)
        answer = self.client.call(
            "create_api_key", name=f"{self.gateway}:{name}", enabled=enabled, tags={TAG: self.gateway}, description=description,
            **({"value": value} if value else {}),
        )  # fmt: skip
        self.account.keys[name] = LiveKey(answer["id"], value, enabled, description)
        self.undone.then(lambda: self.client.call("delete_api_key", apiKey=self.account.keys.pop(name).id))

    def _remove_key(self, name: str) -> None:
        """With its place in usage plans, so that the way back finds both again."""
        gone = self.account.keys[name]
        for plan_name, plan in self.account.plans.items():
            if gone.id in plan.members:
                self._member_gone(plan_name, name)
        self.client.call("delete_api_key", apiKey=gone.id)
        del self.account.keys[name]
        self.undone.then(lambda: self._make_key_again(name, gone))

    def _make_key_again(self, name: str, gone: LiveKey) -> None:
        answer = self.client.call(
            "create_api_key", name=f"{self.gateway}:{name}", enabled=gone.enabled, value=gone.value, tags={TAG: self.gateway},
            description=gone.description,
        )  # fmt: skip
        self.account.keys[name] = LiveKey(answer["id"], gone.value, gone.enabled, gone.description)

    def _keys_gone(self) -> None:
        for name in sorted(self.account.keys.keys() - self.made.keys.keys()):
            self._remove_key(name)

    # -- usage plans

    def _plan(self, wanted: UsagePlan) -> None:
        stages = {(self.account.apis[key].id, self.stage) for key in wanted.apis}
        live = self.account.plans.get(wanted.name)
        if live is None:
            self._make_plan(wanted.name, dict(wanted.throttle), dict(wanted.quota), stages, "")
            return
        patch, back = _plan_patch(live, wanted.throttle, wanted.quota, stages)
        if patch:
            self._patch_plan(live, patch)
            before = (live.throttle, live.quota, live.stages)

            def restore() -> None:
                self._patch_plan(live, back)
                live.throttle, live.quota, live.stages = before

            live.throttle, live.quota, live.stages = dict(wanted.throttle), dict(wanted.quota), stages
            self.undone.then(restore)

    def _patch_plan(self, live: LivePlan, patch: list[dict[str, str]]) -> None:
        self.client.call("update_usage_plan", usagePlanId=live.id, patchOperations=patch)

    def _make_plan(
        self, name: str, throttle: dict[str, Any], quota: dict[str, Any], stages: set[tuple[str, str]], text: str
    ) -> None:
        more: dict[str, Any] = {**({"throttle": throttle} if throttle else {}), **({"quota": quota} if quota else {})}
        answer = self.client.call(
            "create_usage_plan", name=f"{self.gateway}:{name}", description=text, tags={TAG: self.gateway},
            apiStages=[{"apiId": api, "stage": stage} for api, stage in sorted(stages)], **more,
        )  # fmt: skip
        self.account.plans[name] = LivePlan(answer["id"], throttle, quota, stages, text)
        self.undone.then(lambda: self._delete_plan(name))

    def _delete_plan(self, name: str) -> None:
        live = self.account.plans[name]
        # AWS deletes no usage plan that still has stages.
        if live.stages:
            self._patch_plan(live, [{"op": "remove", "path": "/apiStages", "value": f"{a}:{s}"} for a, s in sorted(live.stages)])
        self.client.call("delete_usage_plan", usagePlanId=live.id)
        del self.account.plans[name]

    def _plans_gone(self) -> None:
        for name in sorted(self.account.plans.keys() - self.made.plans.keys()):
            gone = self.account.plans[name]
            self._delete_plan(name)
            self.undone.then(partial(self._make_plan_again, name, gone))

    def _make_plan_again(self, name: str, gone: LivePlan) -> None:
        self._make_plan(name, gone.throttle, gone.quota, gone.stages, gone.description)

    # -- who belongs to which plan

    def _members(self) -> None:
        wanted: dict[str, set[str]] = {}
        for plan, key in self.made.members:
            wanted.setdefault(plan, set()).add(key)
        name_of = {each.id: name for name, each in self.account.keys.items()}
        # First out, then in: a key that changes its plan must not be in two of them for the same stage.
        for plan, live in sorted(self.account.plans.items()):
            for id in sorted(live.members):
                if name_of.get(id, "") not in wanted.get(plan, ()):
                    self._member_gone(plan, name_of.get(id, ""), id)
        for plan, keys in sorted(wanted.items()):
            for key in sorted(keys):
                if self.account.keys[key].id not in self.account.plans[plan].members:
                    self._member(plan, key)
                    self.undone.then(partial(self._key_without_member, plan, key))

    def _member(self, plan: str, key: str) -> None:
        live, id = self.account.plans[plan], self.account.keys[key].id
        self.client.call("create_usage_plan_key", usagePlanId=live.id, keyId=id, keyType="API_KEY")
        live.members.add(id)

    def _key_without_member(self, plan: str, key: str) -> None:
        self._without_member(plan, self.account.keys[key].id)

    def _without_member(self, plan: str, id: str) -> None:
        live = self.account.plans[plan]
        self.client.call("delete_usage_plan_key", usagePlanId=live.id, keyId=id)
        live.members.discard(id)

    def _member_gone(self, plan: str, key: str, id: str = "") -> None:
        self._without_member(plan, id or self.account.keys[key].id)
        if key:
            self.undone.then(lambda: self._member(plan, key))

    # -- the items

    def _describe(self) -> None:
        """Leave the items beside what enforces them."""
        found = objects(self.made, {key: self.account.apis[key].deployment for key in self.made.apis})
        told = {each.item: pack(each) for each in kept(self.items, found, self.made.owners)}
        for key in self.made.apis:
            self._tell_stage(key, told)
        for id in sorted(item.partition("/")[2] for item in told if item.startswith("plan/")):
            names = [name for name, each in self.made.plans.items() if each.plan == id]
            for number, name in enumerate(sorted(names)):
                live = self.account.plans[name]
                self._tell(live, "update_usage_plan", "usagePlanId", "" if number else told[f"plan/{id}"])
        for id in sorted(item.partition("/")[2] for item in told if item.startswith("consumer/")):
            names = [name for name in self.made.keys if name.startswith(f"{id}/")]
            for number, name in enumerate(sorted(names)):
                self._tell(self.account.keys[name], "update_api_key", "apiKey", "" if number else told[f"consumer/{id}"])

    def _tell(self, live: LivePlan | LiveKey, method: str, argument: str, word: str) -> None:
        text = f"Tisserand #{word}" if word else "Tisserand"
        before = live.description
        if before == text:
            return

        def put(value: str) -> None:
            patch = [{"op": "replace", "path": "/description", "value": value}]
            self.client.call(method, **{argument: live.id}, patchOperations=patch)
            live.description = value

        put(text)
        self.undone.then(lambda: put(before))

    def _tell_stage(self, key: str, told: Mapping[str, str]) -> None:
        live = self.account.apis[key]
        mine = [
            told[f"api/{key}"],
            *(told[f"subscription/{id}"] for id, home in self.made.homes.items() if home == key and f"subscription/{id}" in told),
        ]
        new = variables(mine, live.deployment)
        old = {name: value for name, value in live.variables.items() if name.startswith(TAG)}
        if new == old:
            return

        def put(value: dict[str, str], instead_of: dict[str, str]) -> None:
            patch = [{"op": "replace", "path": f"/variables/{name}", "value": each} for name, each in value.items()]
            patch += [{"op": "remove", "path": f"/variables/{name}"} for name in instead_of if name not in value]
            self._update_stage(live, patch)
            live.variables = {**{name: each for name, each in live.variables.items() if name not in instead_of}, **value}

        put(new, old)
        self.undone.then(lambda: put(old, new))


def _text(value: Any) -> str:
    """A number without a fraction that says nothing."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _with_arn(policy: Mapping[str, Any] | None, live: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The policy as AWS gives it back: it writes the whole name of the API into `Resource`."""
    if policy is None or live is None:
        return policy
    mine, theirs = policy["Statement"], live.get("Statement", ())
    if len(mine) != len(theirs):
        return policy
    return {**policy, "Statement": [{**one, "Resource": other.get("Resource")} for one, other in zip(mine, theirs, strict=True)]}


def _plan_patch(
    live: LivePlan, throttle: Mapping[str, Any], quota: Mapping[str, Any], stages: set[tuple[str, str]]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The changes, and those back."""

    def one_way(
        old: tuple[Mapping[str, Any], ...], new: tuple[Mapping[str, Any], ...], gone: set[Any], come: set[Any]
    ) -> list[dict[str, str]]:
        found = [{"op": "remove", "path": "/apiStages", "value": f"{api}:{stage}"} for api, stage in sorted(gone)]
        for name, before, after in zip(("throttle", "quota"), old, new, strict=True):
            if before and not after:
                found.append({"op": "remove", "path": f"/{name}"})
            found += [
                {"op": "replace", "path": f"/{name}/{each}", "value": _text(value)}
                for each, value in after.items()
                if before.get(each) != value
            ]
        return found + [{"op": "add", "path": "/apiStages", "value": f"{api}:{stage}"} for api, stage in sorted(come)]

    old, new = (live.throttle, live.quota), (throttle, quota)
    old_kept = tuple(
        {name: value for name, value in each.items() if name in ("rateLimit", "burstLimit", "limit", "period")} for each in old
    )
    return (
        one_way(old_kept, new, live.stages - stages, stages - live.stages),
        one_way(new, old_kept, stages - live.stages, live.stages - stages),
    )
