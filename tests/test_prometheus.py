"""The shipped alarms and scrape config: valid, tested, about metrics that exist, with a runbook."""

import re
from pathlib import Path

import pytest
import yaml

from runtime.metrics import Metrics
from tests.promtool import promtool

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((SHIPPED / "huisheng.rules.yml").read_text("utf-8"))["groups"][0]["rules"]
CASES = yaml.safe_load((SHIPPED / "huisheng.rules.test.yml").read_text("utf-8"))["tests"]
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """As code hosts make them of headings."""
    headings = HEADING.findall(document.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_scrape_config_is_valid() -> None:
    assert "SUCCESS" in promtool("check", "config", SHIPPED / "prometheus.yml")


def test_the_alarms_ring_as_their_cases_say() -> None:
    assert "SUCCESS" in promtool("test", "rules", SHIPPED / "huisheng.rules.test.yml")


def test_each_alarm_has_a_case_in_which_it_rings() -> None:
    rings = {
        case["alertname"]
        for each in CASES
        for case in each.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert rings == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_each_alarm_is_about_what_is_told_and_says_what_to_do(rule: dict[str, object]) -> None:
    known = set()
    for family in Metrics().registry.collect():
        known |= {f"{family.name}{end}" for end in ("", "_total", "_bucket")}
    assert set(re.findall(r"huisheng_\w+", str(rule["expr"]))) <= known
    labels, annotations = rule["labels"], rule["annotations"]
    assert isinstance(labels, dict)
    assert labels["severity"] in ("critical", "warning")
    assert isinstance(annotations, dict)
    document, _, anchor = annotations["runbook"].partition("#")
    assert anchor in anchors(ROOT / document)
