"""The alert rules, by Prometheus' own program."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.prometheus


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


CASE = """
rule_files: [{rules}]
evaluation_interval: 10s
tests:
  - interval: 10s
    input_series:
      - series: 'passerelle_part_up{{part="gateway", state="down"}}'
        values: "0x6 _x60"
      - series: 'passerelle_part_up{{part="gateway", state="up"}}'
        values: "_x6 1x60"
      - series: 'passerelle_part_up{{part="sweep", state="unknown"}}'
        values: "0x60"
      - series: 'passerelle_http_requests_total{{route="keys:index", method="GET", status="200"}}'
        values: "0+10x120"
      - series: 'passerelle_http_requests_total{{route="keys:index", method="GET", status="500"}}'
        values: "0+1x120"
    alert_rule_test:
      - eval_time: 10s
        alertname: PasserellePartDown
      - eval_time: 50s
        alertname: PasserellePartDown
        exp_alerts: [{{exp_labels: {{part: gateway, state: down, severity: warning}}, exp_annotations: {texts}}}]
      - eval_time: 8m
        alertname: PasserellePartDown
      - eval_time: 10m
        alertname: PasserellePartUnknown
      - eval_time: 2m
        alertname: PasserelleErrors
      - eval_time: 12m
        alertname: PasserelleErrors
        exp_alerts: [{{exp_labels: {{severity: critical}}, exp_annotations: {errors}}}]
"""
TEXTS = '{summary: "gateway is down.", description: "What it means and what to do: docs/operating.md, Health."}'
ERRORS = (
    '{summary: "9.091% of the requests end with an error.", '
    'description: "The log of the web server says why; the dashboard says which routes."}'
)


def test_rules_are_valid_and_fire_when_they_should(tmp_path: Path, repository: Path) -> None:
    rules = repository / "deploy/prometheus/rules.yaml"
    case = tmp_path / "case.yaml"
    case.write_text(CASE.format(rules=rules, texts=TEXTS, errors=ERRORS))

    checked, tested = promtool("check", "rules", str(rules)), promtool("test", "rules", str(case))

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr
