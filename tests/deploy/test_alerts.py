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
      - series: 'passerelle_http_requests_total{{route="web:ready", method="GET", status="200"}}'
        values: "0+100x120"
    alert_rule_test:
      - eval_time: 0s
        alertname: PasserellePartDown
      - eval_time: 40s
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
  - interval: 10s  # the database is back for ten seconds before the worker can write its heartbeat; it ends much later
    input_series:
      - series: 'passerelle_part_up{{part="database", state="down"}}'
        values: "0x3 _x60"
      - series: 'passerelle_part_up{{part="worker", state="missing"}}'
        values: "_x3 0 _x20 0x20"
      - series: 'passerelle_part_up{{part="worker", state="late"}}'
        values: "_x4 0x6 _x60"
    alert_rule_test:
      - eval_time: 40s
        alertname: PasserelleProcessMissing
      - eval_time: 100s
        alertname: PasserelleWorkerLate
      - eval_time: 260s
        alertname: PasserelleProcessMissing
        exp_alerts: [{{exp_labels: {{part: worker, state: missing, severity: critical}}, exp_annotations: {missing}}}]
  - interval: 1m  # no webhook was ever delivered, so that there is no such series
    input_series:
      - series: 'passerelle_webhook_deliveries_total{{outcome="failed"}}'
        values: "0+1x120"
      - series: 'passerelle_part_up{{part="queue", state="unknown"}}'
        values: "0x120"
    alert_rule_test:
      - eval_time: 30m
        alertname: PasserellePartUnknown
      - eval_time: 30m
        alertname: PasserelleWebhooksFail
        exp_alerts: [{{exp_labels: {{severity: info}}, exp_annotations: {webhooks}}}]
  - interval: 1m
    input_series:
      - series: 'passerelle_webhook_deliveries_total{{outcome="failed"}}'
        values: "0+1x120"
      - series: 'passerelle_webhook_deliveries_total{{outcome="delivered"}}'
        values: "0+1x120"
    alert_rule_test:
      - eval_time: 30m
        alertname: PasserelleWebhooksFail
"""
TEXTS = '{summary: "gateway is down.", description: "What it means and what to do: docs/operating.md, Health."}'
ERRORS = (
    '{summary: "9.091% of the pages end with an error.", '
    'description: "The log of the web server says why; the dashboard says which routes."}'
)
MISSING = (
    '{summary: "worker is missing: mails, usage and repairs of keys wait.", '
    'description: "systemctl status passerelle-worker"}'
)
WEBHOOKS = (
    '{summary: "No webhook was delivered for an hour.", '
    'description: "Admin, Webhooks, has the answer of each receiver."}'
)


def test_rules_are_valid_and_fire_when_they_should(tmp_path: Path, repository: Path) -> None:
    rules = repository / "deploy/prometheus/rules.yaml"
    case = tmp_path / "case.yaml"
    case.write_text(CASE.format(rules=rules, texts=TEXTS, errors=ERRORS, missing=MISSING, webhooks=WEBHOOKS))

    checked, tested = promtool("check", "rules", str(rules)), promtool("test", "rules", str(case))

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr
