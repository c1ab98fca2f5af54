"""Faulty files: everything that is wrong is told at once, each with its file, its line, its field and a sentence. What is expected was
counted by hand in the texts below; the first line of a text is line 1."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tisserand.apis.catalogue.declaring import Surroundings, declared
from tisserand.apis.catalogue.files import Catalogue
from tisserand.apis.catalogue.references import references
from tisserand.apis.catalogue.search import Index
from tisserand.model.lenient_yaml import Loader
from tisserand.model.problem import Problem

API = "apis/bad.yaml"
HEAD = "id: bad\nversion: '1'\nroute: {base_path: /bad}\nupstream: {targets: [{url: 'http://127.0.0.1:9'}]}\n"  # 4 lines
KNOWN = {
    "plans.yaml": "gold: {}\n",
    "consumers.yaml": "acme: {}\n",
    "gateways.yaml": "edge: {type: envoy}\n",
    "apis/good-1.yaml": HEAD.replace("bad", "good"),
}
BOMB = "x0: &a0 [1]\n" + "".join(f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))  # 12 lines

Told = tuple[str, int | None, str | None, str]
FAULTS: dict[str, tuple[dict[str, str], list[Told]]] = {
    "an unknown field": ({API: HEAD + "onwer: sales\npolicies:\n  max_body: 1MB\n  cores: {}\n"}, [
        (API, 5, "onwer", "“onwer” is not a field that is known here."),
        (API, 8, "policies.cores", "“cores” is not a field that is known here."),
    ]),
    "wrong types": ({API: HEAD + "tags: red\nname: [a]\nsummary: 7\n"}, [
        (API, 7, "summary", "“7” is not a text."),
        (API, 5, "tags", "A list is expected here."),
        (API, 6, "name", "“['a']” is not a text."),
    ]),
    "what must be there": ({API: "version: '1'\nroute: {}\n"}, [
        (API, None, "id", "“id” is missing."),
        (API, 2, "route.base_path", "“base_path” is missing."),
        (API, None, "upstream", "“upstream” is missing."),
    ]),
    "forms": ({API: "id: BAD\nversion: '1 2'\nroute:\n  base_path: bad\n  operations:\n  - {method: GET, path: /x}\n"
                    "  - method: FETCH\n    path: x\nupstream:\n  targets: [{url: 'ftp://x', weight: -1}]\n  timeout: soon\n"}, [
        (API, 1, "id", "“BAD” does not have the form that “id” needs; its help says which."),
        (API, 2, "version", "“1 2” does not have the form that “version” needs; its help says which."),
        (API, 4, "route.base_path", "“bad” does not have the form that “base_path” needs; its help says which."),
        (API, 7, "route.operations.1.method",
         "“FETCH” is not one of 'GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD' or 'PATCH'."),
        (API, 8, "route.operations.1.path", "“x” does not have the form that “path” needs; its help says which."),
        (API, 10, "upstream.targets.0.url", "“ftp://x” does not have the form that “url” needs; its help says which."),
        (API, 10, "upstream.targets.0.weight", "“-1” is too small: the least is 0."),
        (API, 11, "upstream.timeout", "“soon” is not understood. Write a number and a unit: ms, s, min, h, d."),
    ]),
    "ways to prove who calls": ({API: HEAD + "security:\n- {kind: apikey}\n- {}\n- kind: api_key\n  nam: x\n- {kind: jwt}\n"}, [
        (API, 6, "security.0.kind", "“apikey” is not one of 'api_key', 'jwt', 'basic', 'mtls', 'open'."),
        (API, 7, "security.1.kind", "“kind” is missing."),
        (API, 9, "security.2.nam", "“nam” is not a field that is known here."),
        (API, 10, "security.3.issuer", "“issuer” is missing."),
        (API, 10, "security.3.jwks", "“jwks” is missing."),
    ]),
    "keys that stand there twice": ({API: HEAD + "owner: a\nowner: b\npolicies: {cache: 1, cache: -2}\n"}, [
        (API, 6, "owner", "“owner” stands here twice."),
        (API, 7, "policies.cache", "“cache” stands here twice."),
        (API, 7, "policies.cache", "“-2” is too small: the least is 0."),
    ]),
    "days that are none": ({API: HEAD + "since: 2026-02-31\nsunset: 2026-13-01\nlifecycle: deprecated\n"}, [
        (API, 5, "since", "“2026-02-31” is not a moment: write it as 2026-01-31T13:45:00."),
        (API, 6, "sunset", "“2026-13-01” is not a date: write it as 2026-01-31."),
    ]),
    "tags of YAML that do not fit": ({API: HEAD + "since: !!timestamp foo\npolicies: {cache: !!int ''}\n"
                                                  "upstream: {verify: !!bool maybe}\n"}, [
        (API, 7, "upstream", "“upstream” stands here twice."),
        (API, 5, "since", "“foo” is not a moment: write it as 2026-01-31T13:45:00."),
        (API, 6, "policies.cache", "“” is not a whole number."),
        (API, 7, "upstream.verify", "“maybe” is neither true nor false."),
    ]),
    "a value as large as one likes": ({API: HEAD + BOMB + "name: *a11\ntags: *a11\n"}, [
        (API, 17, "name", "“[[[[[[[...], [...], [...], [...], [...], [...], ...], [[.…” is not a text."),
        *((API, 18, f"tags.{n}", "“[[[[[[[...], [...], [...], [...], [...], [...], ...], [[.…” is not a text.") for n in range(9)),
        *((API, 5 + n, f"x{n}", f"“x{n}” is not a field that is known here.") for n in range(12)),
    ]),
    "no YAML": ({API: HEAD + "tags: [a\n"}, [(API, 6, None, "The file is not valid YAML: did not find expected ',' or ']'")]),
    "a list": ({API: "- a\n"}, [(API, 1, None, "The file must hold names with values (“name: value”).")]),
    "not even text": ({API: "\udcff"}, [
        (API, None, None, "The file cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte")
    ]),
    "a version that is there twice": ({API: HEAD.replace("id: bad", "id: good")}, [
        ("apis/good-1.yaml", None, None, "“good@1” stands in “apis/bad.yaml” too.")
    ]),
    "a document outside the folder": ({API: HEAD + "openapi: ../../plans.yaml\n"}, [
        (API, 5, "openapi", "“../../plans.yaml” lies outside the folder of APIs.")
    ]),
    "the file of an API as a document": ({API: HEAD + "openapi: good-1.yaml\n"}, [
        (API, 5, "openapi", "“good-1.yaml” would be the file of an API, not a document.")
    ]),
    "plans and gateways that are not there": ({API: HEAD + "plans: [gold, iron]\ngateways:\n- edge\n- moon\n"}, [
        (API, 5, "plans.1", "There is no plan “iron”."),
        (API, 8, "gateways.1", "There is no gateway “moon”."),
    ]),
    "subscriptions of what is not there": ({"subscriptions.yaml":
        "a: {api: good, plan: gold, consumer: acme}\nb:\n  api: none\n  plan: iron\n  consumer: nobody\n"
        "c: {api: good, version: '2', plan: gold, consumer: acme}\nd: {api: x, plan: x, consumer: x, state: ended}\n"}, [
        ("subscriptions.yaml", 3, "b.api", "There is no API “none”."),
        ("subscriptions.yaml", 4, "b.plan", "There is no plan “iron”."),
        ("subscriptions.yaml", 5, "b.consumer", "There is no consumer “nobody”."),
        ("subscriptions.yaml", 6, "c.version", "“good” has no version “2”."),
    ]),
    "entries": ({
        "plans.yaml": "gold:\n  rate:\n  - {count: 0, per: 1s}\n  - {count: 5}\n  quota: {count: 1, period: fortnight}\nGold: 7\n",
        "consumers.yaml": "acme: {}\nacme: {name: A}\nother:\n  credentials:\n  - {id: K, secret: s, fingerprint: f, created: now}\n",
        "gateways.yaml": "edge: {}\n",
    }, [
        ("plans.yaml", 3, "gold.rate.0.count", "“0” is too small: the least is 1."),
        ("plans.yaml", 4, "gold.rate.1.per", "“per” is missing."),
        ("plans.yaml", 5, "gold.quota.period", "“fortnight” is not one of 'hour', 'day', 'week' or 'month'."),
        ("plans.yaml", 6, "Gold", "“Gold” cannot be a name here: small letters, digits, “_” and “-” only."),
        ("plans.yaml", 6, "Gold", "A mapping of names to values is expected here."),
        ("consumers.yaml", 2, "acme", "“acme” stands here twice."),
        ("consumers.yaml", 5, "other.credentials.0.id", "“K” does not have the form that “id” needs; its help says which."),
        ("consumers.yaml", 5, "other.credentials.0.created", "“now” is not a moment: write it as 2026-01-31T13:45:00."),
        ("gateways.yaml", 1, "edge.type", "“type” is missing."),
    ]),
}  # fmt: skip


def written(root: Path, files: dict[str, str]) -> Catalogue:
    (root / "apis").mkdir()
    for name, text in {**KNOWN, **files}.items():
        (root / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return Catalogue(root)


def told(problems: list[Problem]) -> list[Told]:
    found = [(each.place.file or "", each.place.line, each.place.field, each.message.text("en")) for each in problems]
    return sorted(found, key=repr)


@pytest.mark.parametrize("name", FAULTS)
def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, name: str) -> None:
    files, expected = FAULTS[name]
    catalogue = written(tmp_path, files)
    assert told([*catalogue.problems(), *references(catalogue)]) == sorted(expected, key=repr)


def test_files_that_are_right_are_not_told_of(tmp_path: Path) -> None:
    subscriptions = "a: {api: good, version: '1', plan: gold, consumer: acme, state: active}\n"
    catalogue = written(tmp_path, {API: HEAD + "plans: [gold]\ngateways: [edge]\n", "subscriptions.yaml": subscriptions})
    assert [*catalogue.problems(), *references(catalogue)] == []


def test_what_is_right_beside_it_is_read(tmp_path: Path) -> None:
    catalogue = written(tmp_path, {API: HEAD + "owner: !!bool maybe\nwhat: 1\n", "consumers.yaml": "a: {}\na: {}\nb: {}\nc: 7\n"})
    assert [each.file.file for each in Index(catalogue).search()] == ["apis/good-1.yaml"]
    assert [*catalogue.consumers().by_id] == ["b"], "of two it is not known which is meant"


def test_of_what_stands_in_a_broken_file_nobody_says_that_it_is_not_there(tmp_path: Path) -> None:
    broken = {f"{name}.yaml": "gold: [\n" for name in ("plans", "consumers", "gateways")}
    catalogue = written(tmp_path, {
        API: "id: [\n", "apis/good-1.yaml": KNOWN["apis/good-1.yaml"] + "plans: [iron]\ngateways: [moon]\n", **broken,
        "subscriptions.yaml": "a: {api: bad, plan: iron, consumer: nobody}\n",
    })  # fmt: skip
    assert references(catalogue) == []
    assert sorted(each.place.file or "" for each in catalogue.problems()) == [
        API,
        "consumers.yaml",
        "gateways.yaml",
        "plans.yaml",
    ]


def test_of_a_document_outside_the_folder_no_gateway_is_told(tmp_path: Path) -> None:
    """As if it named no operations, everything would be let through: the push is refused instead."""
    (tmp_path / "outside.openapi.yaml").write_text("paths: {/private: {get: {}}}\n")
    catalogue = written(tmp_path, {API: HEAD + "lifecycle: published\nopenapi: ../outside.openapi.yaml\n"})
    around = Surroundings(lambda _names: {}, {}, {}, lambda _place: {}, datetime(2026, 6, 15, tzinfo=UTC))
    found, problems = declared(catalogue, "edge", around)
    assert [(each.code, each.severity, each.place.field) for each in problems] == [("api.document", "error", "openapi")]
    assert found.apis[0].route.operations == []


@pytest.mark.parametrize("text", ["2026-02-31", "!!timestamp x", "!!bool maybe", "!!int ''", "!!int x", "!!float x"])
def test_a_value_that_cannot_be_stays_a_text(text: str) -> None:
    with pytest.raises((ValueError, KeyError, IndexError, AttributeError)):
        yaml.load(text, Loader=yaml.CSafeLoader)
    assert yaml.load(text, Loader=Loader) == text.rpartition(" ")[2].strip("'")
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/name:os.system", Loader=Loader)
