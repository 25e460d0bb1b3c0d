"""The provider file: what it becomes, what it is refused for, and that the refusal names line, value and cure."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, strategies as st
from jsonschema import Draft202012Validator

from provisioner.adapters import provider_file, yaml_lines
from provisioner.adapters.provider_file import ProviderDocument, build, read
from provisioner.core import policy, wire
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import LifeCycleState, ServiceMapping

OURS = Path(__file__).parents[2] / "include" / "provider" / "tucano.yaml"
SMALL = """\
provider:
  name: Tucano
  alternative_code: TUCANO
  state: EFFECTIVE
distributors:
  VP1:
    name: Main
services:
  KIDS: {option: KIDS}
physical_goods:
  STB: {material_type: HD}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tucano.yaml"


def accepted(path: Path, text: str) -> ProviderDocument:
    path.write_text(text, encoding="utf-8")
    return read(path)


def mistakes(path: Path, text: str | bytes) -> list[str]:
    """The lines of the refusal, without the file's name."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as refusal:
        read(path)
    heading, *told = str(refusal.value).splitlines()
    assert re.fullmatch(r"the provider file has \d+ mistakes?:", heading)
    assert all(line.startswith(f"{path}:") for line in told)
    return [line.removeprefix(f"{path}:") for line in told]


# What it becomes.


def test_our_own_file_is_accepted():
    provider = read(OURS).provider

    assert provider.state is LifeCycleState.EFFECTIVE
    assert sorted(provider.distributors) == ["VP1", "VP2", "VP3", "VP4"]
    assert provider.services["SPORT"].option == provider.services["SPORT_LITE"].option == "SPORT_CHANNELS"
    assert provider.services["FLEX_A"] == ServiceMapping(option=None)
    assert provider.services["FAMILY_PACK"] == ServiceMapping(option="FAMILY", covers_components=True)
    assert provider.physical_goods["REMOTE_CONTROL"] is None
    assert "NEW_CHANNEL" not in provider.services


def test_our_own_file_shows_every_setting_and_changes_only_the_default_distributor():
    shown = yaml.safe_load(OURS.read_text(encoding="utf-8"))["settings"]

    assert shown == asdict(policy.DEFAULT_SETTINGS) | {"default_distributor": "VP1"}


def test_what_is_left_out_has_its_default(path):
    provider = accepted(path, SMALL).provider

    assert provider.settings == policy.DEFAULT_SETTINGS
    assert provider.distributors["VP1"].services is None
    assert provider.distributors["VP1"].maximum_devices is None


def test_the_rules_of_a_distributor_are_read(path):
    text = SMALL.replace(
        "    name: Main\n",
        "    name: Main\n    services: [KIDS]\n    minimum_services: 1\n    maximum_services: 9\n"
        "    minimum_devices: 1\n    maximum_devices: 2\n",
    )

    rules = accepted(path, text).provider.distributors["VP1"]

    assert rules.services == {"KIDS"}
    assert (rules.minimum_services, rules.maximum_services) == (1, 9)
    assert (rules.minimum_devices, rules.maximum_devices) == (1, 2)


def test_a_provider_without_distributors_is_read_so_that_the_run_can_say_why_it_refuses(path):
    assert accepted(path, SMALL.replace("distributors:\n  VP1:\n    name: Main", "distributors: {}"))


def test_the_same_provider_is_built_from_the_document_that_was_kept(path):
    loaded = accepted(path, SMALL + "settings: {requests_per_second: 20, removals_share: 0.01}\n")

    kept = json.loads(json.dumps(loaded.document))

    assert build(kept) == loaded.provider


# The hash.


def test_the_hash_does_not_know_order_comments_or_how_a_number_is_written(path):
    plain = accepted(path, SMALL + "settings: {requests_per_second: 20, keep_days: 30}\n").provider
    other = accepted(path, "# ours\nsettings: {keep_days: 30, requests_per_second: 20.0}\n" + SMALL).provider

    assert plain.hash == other.hash


def test_the_hash_does_not_know_whether_a_default_was_written_out(path):
    assert (
        accepted(path, SMALL).provider.hash
        == accepted(path, SMALL + "settings: {keep_days: 90}").provider.hash
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("name: Main", "name: Hall"), ("option: KIDS", "option: KIDS_HD"), ("EFFECTIVE", "NOT_EFFECTIVE")],
)
def test_every_change_of_meaning_has_another_hash(path, old, new):
    assert accepted(path, SMALL).provider.hash != accepted(path, SMALL.replace(old, new)).provider.hash


# What it is refused for.


def test_every_mistake_is_told_at_once_with_line_value_and_cure(path):
    text = """\
provider:
  name: ""
  alternative_code: TUCANO
  state: effective
distributors:
  VP1: {name: Main, services: [KIDS, SPROT], minimum_devices: 3, maximum_devices: 2}
services:
  KIDS: {option: KIDS CHANNELS}
  SPORT: {optoin: SPORT}
  FAMILY: {option: null, covers_components: true}
  KIDS: {option: OTHER}
settings:
  chunk_size: 0
  default_distributor: VP9
  api_ip: nowhere
  swapp_order: activate_first
"""

    told = mistakes(path, text)

    assert told == [
        "1: the file has no 'physical_goods': add it (a mapping of what each type of installed item is at the "
        "platform, under its code in the CRM)",
        '2: provider.name is "": it must be text of 1 to 100 characters',
        '4: provider.state is "effective": it must be EFFECTIVE (sends) or NOT_EFFECTIVE (a run refuses)',
        "6: distributors.VP1.minimum_devices is 3, more than maximum_devices 2: no subscription could use this "
        "distributor; change one of them",
        '6: distributors.VP1.services names "SPROT", which is not under services: add it there, or take it out '
        "here",
        '8: services.KIDS.option is "KIDS CHANNELS": it must be Tucano\'s code of the option (letters, digits and '
        ". _ + - up to 64), or null where nothing is sent",
        "9: services.SPORT has an unknown key \"optoin\": did you mean 'option'?",
        '9: services.SPORT is {"optoin": "SPORT"}: it must be either `option: CODE`, `option: null`, or '
        "`provisioned: false`, and only one of them",
        "10: services.FAMILY covers its components but has no option, so nothing would be sent for them: give it "
        "an option, or remove covers_components",
        "11: the key 'KIDS' stands on line 8 already: keep one of them",
        "13: settings.chunk_size is 0: it must be a whole number of accounts, 1 to 100,000",
        '14: settings.default_distributor is "VP9", which is not under distributors: choose among VP1, or null',
        '15: settings.api_ip is "nowhere": it must be an IPv4 or IPv6 address',
        "16: settings has an unknown key \"swapp_order\": did you mean 'swap_order'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("option: KIDS", "option: NO", "9: services.KIDS.option is false"),
        ("  KIDS:", "  NO:", "9: the key 'NO' is read as true or false"),
        ("  KIDS:", "  7:", "9: the key '7' is read as a number"),
        ("name: Main", "name: 2024-01-01", "7: '2024-01-01' is read as timestamp"),
        ("name: Main", "name: .nan", "7: '.nan' is not a finite number"),
        ("name: Main", 'name: "A\\0"', "7: 'A\\x00' holds a line break or a character that cannot be kept"),
        ("option: KIDS", 'option: "KIDS\\n"', "9: 'KIDS\\n' holds a line break or a character"),
        ("name: Main", "name: !!python/name:os.system x", "7: 'x' is read as os.system"),
        ("name: Main", "name: !!binary aGk=", "7: 'aGk=' is read as binary"),
        ("  VP1:\n", "  <<: {a: b}\n  VP1:\n", "6: the key '<<' is read as merge"),
        ("option: KIDS", "option: KIDS, provisioned: false", "9: services.KIDS is"),
        ("option: KIDS", "provisioned: true", "9: services.KIDS.provisioned is true"),
        ("VP1", '"VP 1"', '6: distributors has the key "VP 1"'),
        ("name: Main", "name: Main\n    maximum_devices: -1", "8: distributors.VP1.maximum_devices is -1"),
        ("name: Main", "name: Main\n    services: ALL", '8: distributors.VP1.services is "ALL"'),
    ],
)
def test_a_mistake_is_named_where_it_stands(path, old, new, told):
    assert mistakes(path, SMALL.replace(old, new, 1))[0].startswith(told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "1: is empty"),
        (b"# only a comment\n", "1: is empty"),
        (b"- a list\n", "1: is not a mapping"),
        (b"null", "1: is not a mapping"),
        (b"a: b: c\n", "1: is not YAML we read: mapping values are not allowed here"),
        (b"a: 1\n---\nb: 2\n", "2: is not YAML we read"),
        (b"a: &x [1]\nb: *x\n", "2: is not YAML we read: the alias *x is not allowed: write the value out"),
        (b"a: &x [*x]\n", "1: is not YAML we read: the alias *x is not allowed"),
        (b"[" * 5_000, "1: is not YAML we read: nested deeper than 20 levels"),
        (b"a: 1\nb: \xff\n", "2: is not UTF-8"),
        (b"a: \x07\n", "1: is not YAML we read"),
        (b"a" * 1_048_577, "1: has 1048577 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_plain_yaml_is_refused(path, content, told):
    assert mistakes(path, content)[0].startswith(told)


def test_a_value_that_cannot_be_read_is_told_once_and_not_called_missing_too(path):
    assert len(mistakes(path, SMALL.replace("name: Main", "name: .nan"))) == 1


def test_a_thousand_million_laughs_are_refused_before_they_unfold(path):
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    told = mistakes(path, "\n".join(["a0: &a0 [lol]", *levels]))

    assert "the alias *a0 is not allowed" in told[0]


def test_a_file_that_is_not_there_is_a_configuration_error(path):
    with pytest.raises(ConfigurationError, match="put it there"):
        read(path)


def test_a_long_value_is_cut_in_the_message(path):
    (told,) = mistakes(path, SMALL.replace("name: Main", f"name: {'x' * 5_000}"))

    assert len(told) < 300


WORDS = [
    "provider",
    "services",
    "settings",
    "KIDS",
    "option",
    "null",
    "NO",
    "0x",
    "1e999",
    "<<",
    "&a",
    "*a",
    "!!",
]
pieces = st.one_of(st.sampled_from(WORDS), st.sampled_from(list(":?|>%~é#,-{}[]'\" \n\t1")))


@given(
    st.one_of(
        st.binary(max_size=60), st.lists(pieces, max_size=25).map(lambda parts: "".join(parts).encode())
    )
)
@example(b"0x: 1")
@example(b"a: 0x")
@example(b"a: 1_:2")
@example(b"%YAML 9.9\n--- a")
@example(b"a: !!int ''")
@example(b"a: !!float ''")
@example(b"a: !!bool x")
def test_whatever_the_file_holds_the_answer_is_a_document_or_mistakes(content):
    document, lines, problems = yaml_lines.load(content)

    told = [*provider_file._against_schema(document, lines), *provider_file._across_sections(document, lines)]
    assert problems or document is not None
    assert all(one.line >= 1 for one in (*problems, *told))


SECTIONS = ["provider", "distributors", "services", "physical_goods", "settings"]
KEYS = [
    *SECTIONS,
    "VP1",
    "KIDS",
    "option",
    "covers_components",
    "provisioned",
    "minimum_services",
    "maximum_services",
]


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_whatever_the_document_is_it_is_accepted_or_mistakes_are_told(document: Any):
    lines = yaml_lines.Lines()

    told = [*provider_file._against_schema(document, lines), *provider_file._across_sections(document, lines)]

    if not told:
        assert build(document).hash


# The schema.


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads(provider_file.SCHEMA.read_text(encoding="utf-8"))


def test_the_schema_is_one(schema):
    Draft202012Validator.check_schema(schema)


def test_the_schema_states_the_defaults_of_the_policy(schema):
    stated = {name: rule["default"] for name, rule in schema["properties"]["settings"]["properties"].items()}

    assert stated == asdict(policy.DEFAULT_SETTINGS)


def test_the_schema_takes_the_codes_that_tucano_takes(schema):
    sections = schema["properties"]
    patterns = [
        sections["distributors"]["propertyNames"]["pattern"],
        sections["services"]["additionalProperties"]["properties"]["option"]["pattern"],
        sections["physical_goods"]["additionalProperties"]["properties"]["material_type"]["pattern"],
    ]

    assert patterns == [f"^{wire.CODE.pattern}$"] * 3


def test_every_rule_of_the_schema_says_what_is_expected(schema):
    def rules(part: dict[str, Any]):
        yield part
        for child in (
            *part.get("properties", {}).values(),
            part.get("additionalProperties"),
            part.get("propertyNames"),
        ):
            if isinstance(child, dict):
                yield from rules(child)

    assert all(rule.get("description") for rule in rules(schema))
